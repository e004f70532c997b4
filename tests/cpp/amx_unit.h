// Emulates AMX on a CPU that does not have it, so that the machine code compiled for AMX runs everywhere, with its tile
// configuration, strides and operands. Each AMX instruction traps (SIGILL); the handler here decodes it and does its
// work, following Intel's "Architecture Instruction Set Extensions Programming Reference", chapter 3.
#pragma once

#if defined(__x86_64__) && defined(__linux__)
#include <signal.h>
#include <ucontext.h>

#include <cmath>
#include <cstdint>
#include <cstring>

namespace testing {

class AmxUnit {
 public:
  /// AMX instructions are emulated while an object of this class exists. There may be only one at a time.
  AmxUnit() {
    state() = {};
    struct sigaction action{};
    action.sa_sigaction = trap;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGILL, &action, &before_);
  }
  ~AmxUnit() { sigaction(SIGILL, &before_, nullptr); }
  AmxUnit(const AmxUnit&) = delete;
  AmxUnit& operator=(const AmxUnit&) = delete;

  static bool configured() { return state().configured; }
  static int64_t products() { return state().products; }
  /// The number of instructions that the real unit would have refused: without a configuration, with a bad one, or on
  /// tiles whose sizes do not fit.
  static int64_t faults() { return state().faults; }

 private:
  struct Tile {
    uint8_t bytes[16][64];
  };
  struct State {
    bool configured = false;
    uint16_t row_bytes[8] = {};
    uint8_t rows[8] = {};
    Tile tile[8] = {};
    int64_t products = 0, faults = 0;
  };
  static State& state() {
    static State s;
    return s;
  }

  // A decoded instruction: a three-byte VEX prefix, an opcode, ModRM, and in some an SIB byte and a displacement.
  struct Instruction {
    int opcode, prefix, reg, rm, vvvv, length;  // prefix: 0 none, 1 66, 2 F3, 3 F2
    bool memory;
    uint64_t address, stride;
  };

  static uint64_t general_register(const ucontext_t& context, int number) {
    constexpr int kOrder[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
    return static_cast<uint64_t>(context.uc_mcontext.gregs[kOrder[number]]);
  }

  static bool decode(const ucontext_t& context, Instruction& i) {
    const auto begin = static_cast<uint64_t>(context.uc_mcontext.gregs[REG_RIP]);
    const auto* code = reinterpret_cast<const uint8_t*>(begin);
    if (code[0] != 0xc4 || (code[1] & 0x1f) != 2 || (code[2] & 0x84) != 0) return false;  // VEX.128.0F38.W0
    const int x = (~code[1] >> 6 & 1) * 8, b = (~code[1] >> 5 & 1) * 8, modrm = code[4], mod = modrm >> 6;
    i = {code[3], code[2] & 3, modrm >> 3 & 7, modrm & 7, ~code[2] >> 3 & 15, 5, mod != 3, 0, 0};
    if (!i.memory) return true;
    if (i.rm != 4) {
      i.address = general_register(context, i.rm + b);
      if (mod == 0 && i.rm == 5) i.address = 0;  // relative to the next instruction
    } else {
      const int sib = code[i.length++], index = (sib >> 3 & 7) + x, base = sib & 7;
      if (index != 4) i.stride = general_register(context, index) << (sib >> 6);
      if (mod != 0 || base != 5) i.address = general_register(context, base + b);
      if (mod == 0 && base == 5) i.rm = 5;  // a displacement of 32 bits and no base
    }
    int32_t displacement = 0;
    if (mod == 1) displacement = static_cast<int8_t>(code[i.length++]);
    if (mod == 2 || (mod == 0 && i.rm == 5)) {
      std::memcpy(&displacement, code + i.length, 4);
      i.length += 4;
    }
    if (mod == 0 && i.rm == 5 && (modrm & 7) == 5) i.address = begin + static_cast<uint64_t>(i.length);
    i.address += static_cast<uint64_t>(int64_t{displacement});
    return true;
  }

  static bool carry_out(const Instruction& i) {
    constexpr int kNone = 0, kF3 = 2, kF2 = 3;
    if (i.opcode == 0x49 && i.prefix == kNone && i.memory) return configure(i);
    if (i.opcode == 0x49 && i.prefix == kNone && i.rm == 0) return state() = released(), true;
    if (i.opcode == 0x49 && i.prefix == kF2 && !i.memory) return usable(i.reg) && (state().tile[i.reg] = {}, true);
    if (i.opcode == 0x4b && i.prefix == kF2 && i.memory) return move(i, true);
    if (i.opcode == 0x4b && i.prefix == kF3 && i.memory) return move(i, false);
    if (i.opcode == 0x5c && i.prefix == kF3 && !i.memory) return multiply(i.reg, i.rm, i.vvvv);
    return false;
  }

  static State released() {
    State s;
    s.products = state().products, s.faults = state().faults;
    return s;
  }

  static bool usable(int tile) {
    if (!state().configured || tile > 7 || state().rows[tile] == 0) ++state().faults;
    return true;
  }

  static bool configure(const Instruction& i) {
    const auto* config = reinterpret_cast<const uint8_t*>(i.address);
    State& s = state();
    s = released();
    s.faults += config[0] != 1 || config[1] != 0;
    for (int k = 2; k < 16; ++k) s.faults += config[k] != 0;
    for (int t = 0; t < 16; ++t) {
      uint16_t row_bytes;
      std::memcpy(&row_bytes, config + 16 + 2 * t, 2);
      const uint8_t rows = config[48 + t];
      s.faults += row_bytes > 64 || rows > 16 || (row_bytes == 0) != (rows == 0) || (t > 7 && rows > 0);
      if (t < 8) s.row_bytes[t] = row_bytes, s.rows[t] = rows;
    }
    return s.configured = true;
  }

  static bool move(const Instruction& i, bool load) {
    usable(i.reg);
    State& s = state();
    for (int r = 0; r < s.rows[i.reg]; ++r) {
      auto* memory = reinterpret_cast<uint8_t*>(i.address + static_cast<uint64_t>(r) * i.stride);
      load ? std::memcpy(s.tile[i.reg].bytes[r], memory, s.row_bytes[i.reg])
           : std::memcpy(memory, s.tile[i.reg].bytes[r], s.row_bytes[i.reg]);
    }
    return true;
  }

  static float widened(const Tile& tile, int row, int half) {
    uint16_t value;
    std::memcpy(&value, tile.bytes[row] + 2 * half, 2);
    const uint32_t bits = uint32_t{value} << 16;
    float f;
    std::memcpy(&f, &bits, 4);
    return f;
  }

  // c += a b. The even terms and the odd terms are summed separately.
  static bool multiply(int c, int a, int b) {
    usable(a), usable(b), usable(c);
    State& s = state();
    ++s.products;
    s.faults += c == a || c == b || a == b || s.row_bytes[a] != 4 * s.rows[b] || s.rows[a] != s.rows[c] ||
                s.row_bytes[b] != s.row_bytes[c];
    for (int m = 0; m < s.rows[c]; ++m)
      for (int n = 0; n < s.row_bytes[c] / 4; ++n) {
        float sums[2] = {};
        for (int k = 0; k < s.row_bytes[a] / 4; ++k)
          for (int i = 0; i < 2; ++i)
            sums[i] = std::fma(widened(s.tile[a], m, 2 * k + i), widened(s.tile[b], k, 2 * n + i), sums[i]);
        float sum;
        std::memcpy(&sum, s.tile[c].bytes[m] + 4 * n, 4);
        sum += sums[0] + sums[1];
        std::memcpy(s.tile[c].bytes[m] + 4 * n, &sum, 4);
      }
    return true;
  }

  static void trap(int, siginfo_t*, void* where) {
    auto& context = *static_cast<ucontext_t*>(where);
    Instruction instruction{};
    if (decode(context, instruction) && carry_out(instruction))
      context.uc_mcontext.gregs[REG_RIP] += instruction.length;
    else
      signal(SIGILL, SIG_DFL);  // not an instruction of AMX: it traps again and ends the program
  }

  struct sigaction before_{};
};

}  // namespace testing
#endif
