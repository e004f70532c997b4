// The choice of the instruction set that kernels use and of the number of threads, and facts about the build.
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

/// The number of threads that computations use. By default it is the environment variable OMP_NUM_THREADS, or without
/// that the number of CPUs that the process may use: the smaller of its CPU affinity and the quota of its cgroup.
int num_threads();
void set_num_threads(int threads);
int default_num_threads();

/// The unit of the CPU that multiplies bfloat16 numbers: "amx" or "avx512_bf16". It is "float32" if the CPU has no such
/// unit, if it would not be faster, or if the instruction set in use is another one; then float32 numbers that are
/// rounded to bfloat16 are multiplied. If the CPU has AMX but the system refuses its use, the text says so.
std::string bfloat16_unit();

/// Facts about this build, with the keys "compiler", "openmp", "isas" and "version".
std::map<std::string, std::string> build_info();

}  // namespace cnncore
