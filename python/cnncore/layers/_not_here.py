"""Layers that Keras has and this package has not, and why: for error messages and for docs/keras_names.md."""

from __future__ import annotations

__all__ = ["REASONS", "why_not_here"]

# Reason -> names of keras.layers.
REASONS: dict[str, tuple[str, ...]] = {
    "volumes and videos are out of scope": (
        *("AdaptiveAveragePooling3D", "AdaptiveMaxPooling3D", "AveragePooling3D", "AvgPool3D", "Conv3D"),
        *("Conv3DTranspose", "Convolution3D", "Convolution3DTranspose", "Cropping3D", "GlobalAveragePooling3D"),
        *("GlobalAvgPool3D", "GlobalMaxPool3D", "GlobalMaxPooling3D", "MaxPool3D", "MaxPooling3D"),
        *("SpatialDropout3D", "UpSampling3D", "ZeroPadding3D"),
    ),
    "recurrent networks are out of scope": (
        *("Bidirectional", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "GRU", "GRUCell", "LSTM", "LSTMCell", "RNN"),
        *("SimpleRNN", "SimpleRNNCell", "StackedRNNCells"),
    ),
    "masks of missing steps are made for recurrent networks, which are out of scope": ("Masking",),
    "attention is out of scope": (
        *("AdditiveAttention", "Attention", "EinsumDense", "GroupQueryAttention", "MultiHeadAttention"),
        "RMSNormalization",
    ),
    "words and categories are out of scope": (
        *("CategoryEncoding", "Discretization", "Embedding", "HashedCrossing", "Hashing", "IntegerLookup"),
        *("ReversibleEmbedding", "StringLookup", "TextVectorization"),
    ),
    "sound has to be turned into spectrograms before": ("MelSpectrogram", "STFTSpectrogram"),
    "layers of other frameworks cannot run in this core": (
        *("FlaxLayer", "JaxLayer", "TFSMLayer", "TorchModuleWrapper"),
    ),
    "boxes around objects are out of scope": ("MaxNumBoundingBoxes",),
    "a pool whose window follows from the output: write AveragePooling2D or MaxPooling2D with that window": (
        *("AdaptiveAveragePooling1D", "AdaptiveAveragePooling2D", "AdaptiveMaxPooling1D", "AdaptiveMaxPooling2D"),
    ),
    "write a Sequential model of the layers": ("Pipeline",),
    "Dense and the activations act on the last axis anyway; other layers are applied to each step by Reshape": (
        "TimeDistributed",
    ),
    "write a Layer of your own that holds the other": ("SpectralNormalization", "Wrapper"),
    "a layer says what it takes in compute_output_shape": ("InputSpec",),
    "use Dropout or GaussianDropout": ("AlphaDropout",),
    "write ReLU(threshold=theta)": ("ThresholdedReLU",),
    "convolutions whose kernel differs from place to place are out of scope": (
        *("LocallyConnected1D", "LocallyConnected2D"),
    ),
    "of the augmentations those are here that small images are trained with; write others as a Layer in NumPy": (
        *("AugMix", "AutoContrast", "ContrastLimitedAdaptiveHistogramEqualization", "Equalization", "RandAugment"),
        *("RandomColorDegeneration", "RandomColorJitter", "RandomElasticTransform", "RandomGaussianBlur"),
        *("RandomGrayscale", "RandomHue", "RandomInvert", "RandomPerspective", "RandomPosterization"),
        *("RandomSaturation", "RandomSharpness", "RandomShear", "Solarization"),
    ),
}


def why_not_here(name: str) -> str | None:
    """Why there is no such layer; None where Keras has none either.

    Examples
    --------
    >>> why_not_here("LSTM")
    'recurrent networks are out of scope'
    """
    return next((reason for reason, names in REASONS.items() if name in names), None)
