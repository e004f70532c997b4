// A planned convolution, for who runs it.
#pragma once

#include "ops/conv2d/plan.h"
