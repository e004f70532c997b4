// The version of cnncore. CMake and pyproject.toml read it from this file.
#pragma once

namespace cnncore {

inline constexpr char version[] = "0.1.0";

}  // namespace cnncore
