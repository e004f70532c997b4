// The instruction set that the kernels use, and the number of threads.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace cnncore {

/// The instruction set in use: the best one of this machine, or the one that the environment variable CNNCORE_ISA
/// names. Throws std::invalid_argument for a name that is unknown or that this machine cannot run.
std::string isa();
std::vector<std::string> available_isas();
void set_isa(const std::string& name);

/// The number of threads of a parallel region. The default is OMP_NUM_THREADS, or the smaller of the CPU affinity and
/// the quota of the cgroup.
int num_threads();
void set_num_threads(int threads);
int default_num_threads();

/// The unit that multiplies bfloat16 values with the instruction set in use: "amx", "avx512_bf16", or "float32" if they
/// are emulated, because there is no such unit or it is not faster. If the CPU has AMX but the system refuses its use,
/// the text says so.
std::string bfloat16_unit();

/// Facts about this build, with the keys "compiler", "openmp", "isas" and "version".
std::map<std::string, std::string> build_info();

}  // namespace cnncore
