"""Where model files lie, and how they are fetched."""

from __future__ import annotations

from app.library.hub import environment
from app.library.hub.access import TOKEN_KEY
from app.library.hub.failures import HOME
from app.ui.settings import checks
from app.ui.settings.rows import Browse, Choice, Folders, Line, Number, Row, Secret, Switch

HERE, FETCHED, HUB = "On this disk", "Downloads", "Hugging Face"
BYTES_IN_MEGABYTE = 1e6

ROWS = (
    Row(
        "Folders",
        "Hearth finds the models in these folders too, beside those in its own.",
        Folders(),
        path="models.folders",
        words="directories path library location drive gguf",
        group=HERE,
    ),
    Row(
        "Models of other programs",
        "Use the model files that programs such as Ollama and LM Studio have fetched, where they "
        "lie.",
        Switch(),
        path="models.other_programs",
        words="ollama lm studio jan gpt4all cache share",
        group=HERE,
    ),
    Row(
        "Embedding model",
        "The model that is asked where texts are to be turned into vectors, which tell how alike "
        "they are.",
        Choice((("", "The chosen model"),), is_open=True),
        path="models.embedding",
        words="embeddings vectors search rag similarity meaning",
        group=HERE,
    ),
    Row(
        "Download folder",
        "Where models are kept that Hearth fetches.",
        Line(check=checks.folder, browse=Browse.FOLDER),
        path="models.download_folder",
        words="directory path location save drive",
        group=FETCHED,
    ),
    Row(
        "Speed limit",
        "The most that downloads take of your connection together.",
        Number("MB/s", 1 / BYTES_IN_MEGABYTE, 0.5, empty=(0,), placeholder="no limit"),
        path="hub.speed_limit",
        words="bandwidth throttle rate megabytes",
        group=FETCHED,
    ),
    Row(
        "Look for newer versions",
        "Ask once a week whether models that you fetched have changed at their source.",
        Switch(),
        path="hub.look_for_changes",
        words="updates check weekly changes",
        group=FETCHED,
    ),
    Row(
        "Token",
        "Your access token of Hugging Face, which models with terms ask for; it is kept in your "
        "system's keyring and never in a file.",
        Secret(TOKEN_KEY, environment.TOKEN),
        id="hub-token",
        words="key password secret keyring huggingface account login gated access",
        group=HUB,
    ),
    Row(
        "Address",
        "Where models are searched and fetched; a mirror's address goes here.",
        Line(HOME, environment.ENDPOINT, checks.address),
        path="hub.endpoint",
        words="endpoint hub mirror url server",
        group=HUB,
    ),
    Row(
        "Proxy",
        "The proxy on the way to Hugging Face, where another than the system's is wanted.",
        Line("the system's", check=checks.proxy),
        path="hub.proxy",
        words="network company firewall socks",
        group=HUB,
    ),
    Row(
        "Certificates",
        "A file of certificates to trust beside the system's, as companies have them.",
        Line("none", check=checks.file, browse=Browse.FILE),
        path="hub.ca_file",
        words="ca tls ssl https pem bundle company authority",
        group=HUB,
    ),
)
