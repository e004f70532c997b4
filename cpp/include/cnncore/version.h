// The only place where the version is written; CMake and pyproject.toml read it from here.
#pragma once

namespace cnncore {

inline constexpr char version[] = "0.1.0";

}  // namespace cnncore
