"""Putting an exported folder on the Hub, when its owner asks for it."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

from trimpi.errors import EndpointError


def push_to_hub(folder: Path, repo: str, *, private: bool, api: HfApi | None = None) -> str:
    """Upload the folder as one commit and give its address. Raises EndpointError when the Hub refuses it."""
    hub = api or HfApi()
    try:
        hub.create_repo(repo, private=private, exist_ok=True)
        return str(hub.upload_folder(repo_id=repo, folder_path=folder, commit_message="Exported by trimpi"))
    except (HfHubHTTPError, LocalTokenNotFoundError, OSError, ValueError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise EndpointError(
            f"{folder} is written, but the Hub did not take it as {repo}: {reason}; log in with `hf auth login` and "
            f"upload it with `hf upload {repo} {folder}`"
        ) from error
