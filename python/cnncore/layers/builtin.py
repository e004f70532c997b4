"""All layers under their public names. Importing this module registers them, so that files can be read."""

from __future__ import annotations

from cnncore.layers.activation import ELU, Activation, LeakyReLU, PReLU, ReLU, Softmax
from cnncore.layers.attention import AdditiveAttention, Attention
from cnncore.layers.augmentation import (
    AutoContrast,
    CenterCrop,
    CutMix,
    Equalization,
    MixUp,
    RandAugment,
    RandomBrightness,
    RandomColorDegeneration,
    RandomColorJitter,
    RandomContrast,
    RandomCrop,
    RandomErasing,
    RandomFlip,
    RandomGaussianBlur,
    RandomGrayscale,
    RandomHue,
    RandomInvert,
    RandomPosterization,
    RandomRotation,
    RandomSaturation,
    RandomSharpness,
    RandomShear,
    RandomTranslation,
    RandomZoom,
    Resizing,
    Solarization,
)
from cnncore.layers.base import Layer
from cnncore.layers.batch_normalization import BatchNormalization
from cnncore.layers.category_encoding import CategoryEncoding
from cnncore.layers.cells import GRUCell, LSTMCell, SimpleRNNCell
from cnncore.layers.conv_lstm import ConvLSTM2D
from cnncore.layers.convolution import Conv1D, Conv2D, Convolution1D, Convolution2D
from cnncore.layers.dense import Dense
from cnncore.layers.depthwise import DepthwiseConv1D, DepthwiseConv2D
from cnncore.layers.dropout import AlphaDropout, Dropout, SpatialDropout1D, SpatialDropout2D
from cnncore.layers.einsum_dense import EinsumDense
from cnncore.layers.embedding import Embedding
from cnncore.layers.global_pooling import (
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalAvgPool1D,
    GlobalAvgPool2D,
    GlobalMaxPool1D,
    GlobalMaxPool2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
)
from cnncore.layers.input_layer import Input, InputLayer
from cnncore.layers.input_spec import InputSpec
from cnncore.layers.lambda_layer import Lambda
from cnncore.layers.lookup import IntegerLookup, StringLookup
from cnncore.layers.masking import Masking
from cnncore.layers.merging import Add, Average, Concatenate, Dot, Maximum, Minimum, Multiply, Subtract
from cnncore.layers.merging_functions import add, average, concatenate, dot, maximum, minimum, multiply, subtract
from cnncore.layers.multi_head_attention import MultiHeadAttention
from cnncore.layers.operations.added_loss import AddedLoss  # noqa: F401 (imported to be registered: add_loss uses it)
from cnncore.layers.operations.array_function import ArrayFunction
from cnncore.layers.operations.loss_rows import LossRows  # noqa: F401 (imported to be registered: losses of tensors use it)
from cnncore.layers.operations.operators import Divide
from cnncore.layers.recurrent import GRU, LSTM, SimpleRNN
from cnncore.layers.regularization import ActivityRegularization, GaussianDropout, GaussianNoise
from cnncore.layers.reshaping import Flatten, Identity, Permute, RepeatVector, Reshape
from cnncore.layers.resizing import Cropping1D, Cropping2D, UpSampling1D, UpSampling2D, ZeroPadding1D, ZeroPadding2D
from cnncore.layers.rms_normalization import RMSNormalization
from cnncore.layers.rnn import RNN
from cnncore.layers.sample_normalization import GroupNormalization, LayerNormalization, UnitNormalization
from cnncore.layers.scaling import Normalization, Rescaling
from cnncore.layers.separable import (
    SeparableConv1D,
    SeparableConv2D,
    SeparableConvolution1D,
    SeparableConvolution2D,
)
from cnncore.layers.spectral_normalization import SpectralNormalization
from cnncore.layers.stacked_cells import StackedRNNCells
from cnncore.layers.text_vectorization import TextVectorization
from cnncore.layers.transpose_convolution import (
    Conv1DTranspose,
    Conv2DTranspose,
    Convolution1DTranspose,
    Convolution2DTranspose,
    Deconvolution2D,
)
from cnncore.layers.volume_pools import (
    AveragePooling3D,
    AvgPool3D,
    GlobalAveragePooling3D,
    GlobalAvgPool3D,
    GlobalMaxPool3D,
    GlobalMaxPooling3D,
    MaxPool3D,
    MaxPooling3D,
)
from cnncore.layers.volumes import Conv3D, Convolution3D
from cnncore.layers.window_pooling import (
    AveragePooling1D,
    AveragePooling2D,
    AvgPool1D,
    AvgPool2D,
    MaxPool1D,
    MaxPool2D,
    MaxPooling1D,
    MaxPooling2D,
)
from cnncore.layers.wrappers import Bidirectional, TimeDistributed, Wrapper

__all__ = [
    "ELU",
    "GRU",
    "LSTM",
    "RNN",
    "Activation",
    "ActivityRegularization",
    "Add",
    "AdditiveAttention",
    "AlphaDropout",
    "ArrayFunction",
    "Attention",
    "AutoContrast",
    "Average",
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "AvgPool1D",
    "AvgPool2D",
    "AvgPool3D",
    "BatchNormalization",
    "Bidirectional",
    "CategoryEncoding",
    "CenterCrop",
    "Concatenate",
    "Conv1D",
    "Conv1DTranspose",
    "Conv2D",
    "Conv2DTranspose",
    "Conv3D",
    "ConvLSTM2D",
    "Convolution1D",
    "Convolution1DTranspose",
    "Convolution2D",
    "Convolution2DTranspose",
    "Convolution3D",
    "Cropping1D",
    "Cropping2D",
    "CutMix",
    "Deconvolution2D",
    "Dense",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "Divide",
    "Dot",
    "Dropout",
    "EinsumDense",
    "Embedding",
    "Equalization",
    "Flatten",
    "GRUCell",
    "GaussianDropout",
    "GaussianNoise",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling3D",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalAvgPool3D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalMaxPool3D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
    "GroupNormalization",
    "Identity",
    "Input",
    "InputLayer",
    "InputSpec",
    "IntegerLookup",
    "LSTMCell",
    "Lambda",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "Masking",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPool3D",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
    "Maximum",
    "Minimum",
    "MixUp",
    "MultiHeadAttention",
    "Multiply",
    "Normalization",
    "PReLU",
    "Permute",
    "RMSNormalization",
    "RandAugment",
    "RandomBrightness",
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomContrast",
    "RandomCrop",
    "RandomErasing",
    "RandomFlip",
    "RandomGaussianBlur",
    "RandomGrayscale",
    "RandomHue",
    "RandomInvert",
    "RandomPosterization",
    "RandomRotation",
    "RandomSaturation",
    "RandomSharpness",
    "RandomShear",
    "RandomTranslation",
    "RandomZoom",
    "ReLU",
    "RepeatVector",
    "Rescaling",
    "Reshape",
    "Resizing",
    "SeparableConv1D",
    "SeparableConv2D",
    "SeparableConvolution1D",
    "SeparableConvolution2D",
    "SimpleRNN",
    "SimpleRNNCell",
    "Softmax",
    "Solarization",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpectralNormalization",
    "StackedRNNCells",
    "StringLookup",
    "Subtract",
    "TextVectorization",
    "TimeDistributed",
    "UnitNormalization",
    "UpSampling1D",
    "UpSampling2D",
    "Wrapper",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "add",
    "average",
    "concatenate",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "subtract",
]

# As in Keras, these pass on the mask of their input, which says what steps of a sequence are used.
for _passing in (
    *(ELU, LeakyReLU, PReLU, ReLU, Softmax, Activation, ActivityRegularization, AlphaDropout, Dropout, Dense),
    *(GaussianDropout, GaussianNoise, SpatialDropout1D, BatchNormalization, LayerNormalization, GroupNormalization),
    *(UnitNormalization, Identity, Lambda, Rescaling, Normalization, Add, Average, Concatenate, Maximum, Minimum),
    *(Multiply, Subtract),
):
    _passing.supports_masking = True
