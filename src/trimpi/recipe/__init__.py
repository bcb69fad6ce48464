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
from trimpi.recipe.evaluation import EvaluationConfig, HarnessConfig, ReferralJudgeConfig, SuiteName
from trimpi.recipe.grid import SweepJob, load_sweep
from trimpi.recipe.loading import load_recipe, parse_recipe, read_recipe_data, recipe_data, recipe_yaml
from trimpi.recipe.model import ModelConfig
from trimpi.recipe.model_names import BASE, BEST, CURRENT, INPUT
from trimpi.recipe.recipe import Engine, Recipe
from trimpi.recipe.rl import (
    AdvantageConfig,
    AlgorithmConfig,
    DapoConfig,
    DynamicSamplingConfig,
    GapDrivenShare,
    GrpoConfig,
    LocalSamplerConfig,
    OverlongConfig,
    PolicyAwareShare,
    ReverseKlTeacher,
    RewardWeights,
    ReweightingTeacher,
    SamplerConfig,
    ScheduledShare,
    TeacherConfig,
    VllmSamplerConfig,
)
from trimpi.recipe.stages import (
    CotSftConfig,
    CotTrainingConfig,
    DirectSftConfig,
    GeneralDataConfig,
    LoraConfig,
    RlConfig,
    SoftPromptConfig,
    StageConfig,
    SupervisedConfig,
    TrainingConfig,
    VmCptConfig,
)
from trimpi.recipe.sweep import Sweep
from trimpi.recipe.synth import SynthConfig
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
    "BASE",
    "BEST",
    "CURRENT",
    "INPUT",
    "AdvantageConfig",
    "AlgorithmConfig",
    "BreakEvenConfig",
    "ClevrTaskConfig",
    "CotSamplingConfig",
    "CotSftConfig",
    "CotTrainingConfig",
    "CustomTaskConfig",
    "DapoConfig",
    "DirectSftConfig",
    "DynamicSamplingConfig",
    "EfficiencyConfig",
    "EndpointConfig",
    "Engine",
    "EvaluationConfig",
    "ForwardCotConfig",
    "GapDrivenShare",
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
    "OverlongConfig",
    "PolicyAwareShare",
    "Recipe",
    "ReferralJudgeConfig",
    "RenderedScenes",
    "ReverseCotConfig",
    "ReverseKlTeacher",
    "RewardWeights",
    "ReweightingTeacher",
    "RlConfig",
    "SamplerConfig",
    "SceneDirectory",
    "SceneSource",
    "ScheduledShare",
    "SoftPromptConfig",
    "StageConfig",
    "SuiteName",
    "SupervisedConfig",
    "Sweep",
    "SweepJob",
    "SynthConfig",
    "TaskConfig",
    "TeacherConfig",
    "TrainingConfig",
    "VllmSamplerConfig",
    "VmCptConfig",
    "load_recipe",
    "load_sweep",
    "parse_recipe",
    "read_recipe_data",
    "recipe_data",
    "recipe_differences",
    "recipe_yaml",
]
