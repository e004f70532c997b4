// Everything a C++ program needs: small CNNs trained and run on a CPU.
#pragma once

#include "cnncore/activation.h"
#include "cnncore/augment.h"
#include "cnncore/conv2d.h"
#include "cnncore/conv2d_transpose.h"
#include "cnncore/dense.h"
#include "cnncore/loss.h"
#include "cnncore/network.h"
#include "cnncore/optimizer.h"
#include "cnncore/pool2d.h"
#include "cnncore/precision.h"
#include "cnncore/runtime.h"
#include "cnncore/tensor.h"
#include "cnncore/version.h"
