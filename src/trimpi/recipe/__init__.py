"""The run as data: strict models, YAML in, resolved YAML out."""

from trimpi.recipe.break_even import BreakEvenConfig
from trimpi.recipe.cots import (
    CotSamplingConfig,
    ForwardCotConfig,
    GeneratorConfig,
    ModelGeneratorConfig,
    ReverseCotConfig,
)
from trimpi.recipe.difference import recipe_differences
from trimpi.recipe.efficiency import EfficiencyConfig
from trimpi.recipe.endpoint import EndpointConfig
from trimpi.recipe.evaluation import EvaluationConfig, HarnessConfig, SuiteName
from trimpi.recipe.loading import load_recipe, parse_recipe, read_recipe_data, recipe_data, recipe_yaml
from trimpi.recipe.model import ModelConfig
from trimpi.recipe.recipe import Engine, Recipe
from trimpi.recipe.stages import (
    CotSftConfig,
    CotTrainingConfig,
    DirectSftConfig,
    GeneralDataConfig,
    GrpoConfig,
    LocalSamplerConfig,
    LoraConfig,
    RewardWeights,
    RlConfig,
    SamplerConfig,
    StageConfig,
    SupervisedConfig,
    TrainingConfig,
    VllmSamplerConfig,
    VmCptConfig,
)
from trimpi.recipe.task import (
    ClevrTaskConfig,
    CustomTaskConfig,
    GtaDirectory,
    GtaTaskConfig,
    RenderedScenes,
    SceneDirectory,
    SceneSource,
    TaskConfig,
)

__all__ = [
    "BreakEvenConfig",
    "ClevrTaskConfig",
    "CotSamplingConfig",
    "CotSftConfig",
    "CotTrainingConfig",
    "CustomTaskConfig",
    "DirectSftConfig",
    "EfficiencyConfig",
    "EndpointConfig",
    "Engine",
    "EvaluationConfig",
    "ForwardCotConfig",
    "GeneralDataConfig",
    "GeneratorConfig",
    "GrpoConfig",
    "GtaDirectory",
    "GtaTaskConfig",
    "HarnessConfig",
    "LocalSamplerConfig",
    "LoraConfig",
    "ModelConfig",
    "ModelGeneratorConfig",
    "Recipe",
    "RenderedScenes",
    "ReverseCotConfig",
    "RewardWeights",
    "RlConfig",
    "SamplerConfig",
    "SceneDirectory",
    "SceneSource",
    "StageConfig",
    "SuiteName",
    "SupervisedConfig",
    "TaskConfig",
    "TrainingConfig",
    "VllmSamplerConfig",
    "VmCptConfig",
    "load_recipe",
    "parse_recipe",
    "read_recipe_data",
    "recipe_data",
    "recipe_differences",
    "recipe_yaml",
]
