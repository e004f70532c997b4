// What runs the kernels: the instruction set in use and the number of threads.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace cnncore {

/// The instruction set in use: the best this machine has, or the one named by the environment variable CNNCORE_ISA. A
/// name that is unknown, or that this machine cannot run, throws std::invalid_argument.
std::string isa();
std::vector<std::string> available_isas();
void set_isa(const std::string& name);

/// Threads of a parallel region; the default is OMP_NUM_THREADS, else the smaller of the CPU affinity and the cgroup's
/// quota.
int num_threads();
void set_num_threads(int threads);
int default_num_threads();

/// What multiplies bfloat16 values with the instruction set in use: "amx", "avx512_bf16", or "float32" where they are
/// emulated, for want of a unit or because it is no faster. Where the CPU has AMX and the system refuses its use, that
/// is said behind the name.
std::string bfloat16_unit();

/// "compiler", "openmp", "isas", "version".
std::map<std::string, std::string> build_info();

}  // namespace cnncore
