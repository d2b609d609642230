"""The nouns of the program, as frozen values that pass between its layers."""

from app.schema.answers import (
    Chunk,
    Finish,
    FinishReason,
    PromptProgress,
    TokenCount,
    Usage,
)
from app.schema.loading import (
    MAX_SCALE,
    Adapter,
    EngineBuild,
    EngineDevice,
    Hardware,
    LoadPlan,
    LoadProgress,
    LoadStage,
    Reason,
)
from app.schema.messages import (
    Image,
    Message,
    Request,
    Role,
    Sampling,
    ToolCall,
)
from app.schema.models import (
    LoadedModel,
    ModelInfo,
    ModelRef,
    RunningModel,
    Weights,
)
from app.schema.servers import (
    Endpoint,
    FoundServer,
    Health,
    InstalledServer,
    ProviderKind,
    PullProgress,
)

__all__ = [
    "MAX_SCALE",
    "Adapter",
    "Chunk",
    "Endpoint",
    "EngineBuild",
    "EngineDevice",
    "Finish",
    "FinishReason",
    "FoundServer",
    "Hardware",
    "Health",
    "Image",
    "InstalledServer",
    "LoadPlan",
    "LoadProgress",
    "LoadStage",
    "LoadedModel",
    "Message",
    "ModelInfo",
    "ModelRef",
    "PromptProgress",
    "ProviderKind",
    "PullProgress",
    "Reason",
    "Request",
    "Role",
    "RunningModel",
    "Sampling",
    "TokenCount",
    "ToolCall",
    "Usage",
    "Weights",
]
