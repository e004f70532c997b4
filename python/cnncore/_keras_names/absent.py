"""Names that Keras has and this package does not have, with the reasons: tables, also for docs/keras_names.md."""

from __future__ import annotations

__all__ = ["MODULES", "OLDER_LAYERS", "REASONS", "UNCALLED", "WHY_UNCALLED"]

# In each table: reason -> names.
_LAYERS: dict[str, tuple[str, ...]] = {
    "of the layers for volumes, only Conv3D and pools are included": (
        *("AdaptiveAveragePooling3D", "AdaptiveMaxPooling3D", "Conv3DTranspose", "Convolution3DTranspose"),
        *("Cropping3D", "SpatialDropout3D", "UpSampling3D", "ZeroPadding3D"),
    ),
    "write ConvLSTM2D, with an axis of length 1 for sequences": ("ConvLSTM1D", "ConvLSTM3D"),
    "write MultiHeadAttention, or Dense layers and `ops.dot_product_attention`": ("GroupQueryAttention",),
    "write `numpy.digitize(x, bin_boundaries)` before the model": ("Discretization",),
    "write StringLookup or IntegerLookup, which need no hash": ("HashedCrossing", "Hashing"),
    "write an Embedding and a Dense layer": ("ReversibleEmbedding",),
    "turn sound into spectrograms before it enters a model": ("MelSpectrogram", "STFTSpectrogram"),
    "the C++ core cannot run layers of other frameworks": (
        *("FlaxLayer", "JaxLayer", "TFSMLayer", "TorchModuleWrapper"),
    ),
    "boxes around objects are out of scope": ("MaxNumBoundingBoxes",),
    "write AveragePooling2D or MaxPooling2D with the window that gives the wanted size of the output": (
        *("AdaptiveAveragePooling1D", "AdaptiveAveragePooling2D", "AdaptiveMaxPooling1D", "AdaptiveMaxPooling2D"),
    ),
    "write a Sequential model with the same layers": ("Pipeline",),
    "only augmentations that are usual for small images are included; write others as a Layer in NumPy": (
        *("AugMix", "ContrastLimitedAdaptiveHistogramEqualization", "RandomElasticTransform"),
        *("RandomPerspective",),
    ),
}


# Layers that only older versions of Keras have, in the same form.
OLDER_LAYERS: dict[str, tuple[str, ...]] = {
    "write ReLU(threshold=theta)": ("ThresholdedReLU",),
    "write Add, Multiply, Average, Maximum, Dot or Concatenate": ("Merge",),
    "write Conv2D with dilation_rate=": ("AtrousConvolution1D", "AtrousConvolution2D"),
    "combine Dense layers with Multiply, Maximum or Add": ("Highway", "MaxoutDense"),
    "write `layer.trainable = False` or a Layer of your own": ("TimeDistributedDense",),
    "convolutions whose kernel differs from place to place are out of scope": (
        *("LocallyConnected1D", "LocallyConnected2D"),
    ),
}

# Modules that only older versions of Keras have, or that are not public, by their paths.
MODULES: dict[str, tuple[str, ...]] = {
    "`model.summary()` prints the layers, `model.count_params()` counts the weights": ("utils.layer_utils",),
    "there is one device, the CPU": ("utils.multi_gpu_utils", "utils.training_utils"),
    "h5py reads such files: `h5py.File`": ("utils.io_utils",),
    "recurrent layers are in `cnncore.layers`": (*("layers.cudnn_recurrent", "layers.convolutional_recurrent"),),
    "convolutions whose kernel differs from place to place are out of scope": ("layers.local",),
    "small images are scaled by `layers.Rescaling` or `x / 255`": ("applications.imagenet_utils",),
}

_LAYER_METHODS: dict[str, tuple[str, ...]] = {
    "`layer.metrics` lists the metrics, which have `variables`": ("metrics_variables",),
    "weights are made by add_weight": ("add_variable",),
    "a layer is built from the shape of its input": ("build_from_config", "get_build_config"),
    "compute_output_shape checks the shape of the input and returns that of the output": (
        *("compute_output_spec", "input_spec"),
    ),
    "the weights of all layers are read and written in the same way": ("load_own_variables", "save_own_variables"),
    "weights are float32 and are not quantized": (
        *("quantization_mode", "quantize", "quantized_build", "quantized_call"),
    ),
    "a layer is called as `layer(x)`": ("rematerialized_call", "stateless_call", "symbolic_call"),
    "a weight has a path, as in `layer.weights[0].path`; a layer has a name": ("path",),
}

# Methods of a model that Keras calls and this package never calls, so that a subclass must not define them.
UNCALLED = ("make_train_function", "make_test_function", "make_predict_function", "stateless_compute_loss")
WHY_UNCALLED = (
    "a step of training is one call of the C++ core. For steps of your own write `train_step`, `test_step` and "
    "`predict_step`, for a loss of your own a `Loss`, a function or a method `compute_loss(x, y, y_pred, "
    "sample_weight)`"
)

_MODEL_METHODS: dict[str, tuple[str, ...]] = {
    WHY_UNCALLED: ("stateless_compute_loss",),
    "`model.save` writes a file": ("export",),
    "YAML can hold code that runs when it is read, as Keras found: `to_json` describes a model": ("to_yaml",),
    "`get_weights` and `set_weights` exchange the weights, `copy.deepcopy` copies a model": (
        *("get_state_tree", "set_state_tree"),
    ),
    "there is one way to run, and nothing is compiled": ("jit_compile", "run_eagerly"),
    "weights are float32 and are not quantized": ("get_quantization_layer_structure",),
}

# For each module of Keras, and for two classes: reason -> names that are not here. The package itself is "".
REASONS: dict[str, dict[str, tuple[str, ...]]] = {
    "": {
        "everything is float32; `compile(precision=...)` chooses how products are computed": (
            *("FloatDTypePolicy", "dtype_policies"),
        ),
        "`Model(inputs, outputs)` is the only graph of layers": ("Function", "Operation"),
        "there is one device, the CPU, and one process": ("distribution",),
        "weights are float32 and are not quantized": ("Quantizer", "quantizers"),
        "small networks need not compute values twice to save memory": ("RematScope", "remat"),
        "a model keeps its state itself": ("StatelessScope", "SymbolicScope"),
        "`utils.plot_model` draws models": ("visualization",),
        "models are written by `model.save`": ("export",),
        "train with the predictions of the teacher as targets": ("distillation",),
        "it is internal to Keras": ("src",),
    },
    "Layer": _LAYER_METHODS,
    "Model": _MODEL_METHODS,
    "layers": _LAYERS,
    "activations": {},
    "initializers": {"turn sound into spectrograms before it enters a model": ("STFT", "STFTInitializer", "stft")},
    "regularizers": {},
    "constraints": {},
    "losses": {
        "it compares sequences, which are out of scope": ("CTC", "ctc"),
        "it compares each sample with all others of the batch": ("Circle", "circle"),
    },
    "metrics": {},
    "optimizers": {
        "a model has one optimizer; write an `Optimizer` whose `update` treats parts of the weights differently": (
            *("MultiOptimizer", "OptimizerMap"),
        ),
        "use `AdamW` with `use_ema=True`": ("ScheduleFreeAdamW",),
    },
    "optimizers.schedules": {},
    "callbacks": {
        "it needs a server that listens: write a `LambdaCallback` that sends the logs": ("RemoteMonitor",),
        "`ModelCheckpoint` and `BackupAndRestore` write files": ("OrbaxCheckpoint",),
    },
    "config": {
        "attention has one implementation": (
            *("disable_flash_attention", "enable_flash_attention", "is_flash_attention_enabled"),
        ),
        "code in files is never run": ("enable_unsafe_deserialization",),
        "there is one backend": ("is_nnx_enabled", "set_backend"),
        "write `fit(epochs=..., steps_per_epoch=...)`": (
            *("max_epochs", "max_steps_per_epoch", "set_max_epochs", "set_max_steps_per_epoch"),
        ),
    },
    "mixed_precision": {},
    "tree": {
        "write a function that goes through lists and dicts": (
            *("MAP_TO_NONE", "assert_same_paths", "flatten_with_path", "map_shape_structure", "map_structure_up_to"),
            "traverse",
        ),
    },
    "ops": {
        "sequences of sounds and words are out of scope": ("ctc_decode", "ctc_loss", "istft", "stft"),
        "write AveragePooling2D or MaxPooling2D with the window that gives the wanted size of the output": (
            *("adaptive_average_pool", "adaptive_max_pool"),
        ),
        "gradients are computed backward, by GradientTape": ("jvp",),
        "scipy has it: `scipy.linalg.lu_factor`": ("lu_factor",),
        "write reshape and transpose": ("rearrange",),
        "arrays are real: `view_as_complex` makes complex ones": ("polar",),
        "an array is converted by cast": ("view",),
    },
    "ops.image": {
        "volumes and videos are out of scope": ("extract_patches_3d",),
        "write them with NumPy, or use the layers that change images": (
            *("affine_transform", "elastic_transform", "gaussian_blur", "map_coordinates", "perspective_transform"),
            *("scale_and_translate", "sobel_edges", "ssim"),
        ),
    },
    "ops.linalg": {
        "gradients are computed backward, by GradientTape": ("jvp",),
        "scipy has it: `scipy.linalg.lu_factor`": ("lu_factor",),
    },
    "models": {},
    "saving": {
        "load the model, change it, and save it": ("KerasFileEditor",),
    },
    "applications": {
        "large networks and their weights of ImageNet are out of scope; there are `MobileNet` and small networks": (
            *("ConvNeXtBase", "ConvNeXtLarge", "ConvNeXtSmall", "ConvNeXtTiny", "ConvNeXtXLarge", "DenseNet121"),
            *("DenseNet169", "DenseNet201", "EfficientNetB0", "EfficientNetB1", "EfficientNetB2", "EfficientNetB3"),
            *("EfficientNetB4", "EfficientNetB5", "EfficientNetB6", "EfficientNetB7", "EfficientNetV2B0"),
            *("EfficientNetV2B1", "EfficientNetV2B2", "EfficientNetV2B3", "EfficientNetV2L", "EfficientNetV2M"),
            *("EfficientNetV2S", "InceptionResNetV2", "InceptionV3", "MobileNetV2", "MobileNetV3Large"),
            *("MobileNetV3Small", "NASNetLarge", "NASNetMobile", "ResNet101", "ResNet101V2", "ResNet152"),
            *("ResNet152V2", "ResNet50", "ResNet50V2", "VGG16", "VGG19", "Xception", "convnext", "densenet"),
            *("efficientnet", "efficientnet_v2", "imagenet_utils", "inception_resnet_v2", "inception_v3"),
            *("mobilenet_v2", "mobilenet_v3", "nasnet", "resnet50", "resnet_v2", "vgg16", "vgg19", "xception"),
        ),
    },
    "datasets": {"they hold no images": ("boston_housing", "california_housing", "imdb", "reuters")},
    "utils": {
        "text, sound, tables and boxes in pictures are out of scope": (
            *("FeatureSpace", "audio_dataset_from_directory", "bounding_boxes"),
            "text_dataset_from_directory",
        ),
        "`plot_model` draws a model without it": ("model_to_dot",),
        "`model.inputs` lists the inputs": ("get_source_inputs",),
        "a dict serves the same purpose": ("Config",),
        "it is internal to Keras": ("legacy",),
    },
}
