"""Where Levensloop keeps its state: one folder, `$LEVENSLOOP_HOME`, else the platform's folder for user data."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

# Where a process that may open the vault finds its key. `levensloop` takes them away from every other verb.
VAULT_KEY_FILE, VAULT_PASSPHRASE = "LEVENSLOOP_VAULT_KEY_FILE", "LEVENSLOOP_VAULT_PASSPHRASE"
VAULT_VARIABLES = (VAULT_KEY_FILE, VAULT_PASSPHRASE)


@dataclass(frozen=True, slots=True)
class Home:
    """The places below the state folder. Nothing is created until it is written to.

    `named_database_url` is the database that somebody named instead of the one in the folder; empty: none.
    """

    path: Path
    named_database_url: str = ""

    @property
    def mlflow_database(self) -> Path:
        """MLflow's tracking store and registry; made by the first training."""
        return self.path / "mlflow.db"

    @property
    def mlflow_uri(self) -> str:
        """As `mlflow_database`, in MLflow's way of saying it."""
        return f"sqlite:///{self.mlflow_database}"

    @property
    def artifacts(self) -> Path:
        """MLflow's artifacts."""
        return self.path / "artifacts"

    @property
    def database_url(self) -> str:
        """Ledger, trail, detections and offers: one database for everybody who works with this home."""
        return self.named_database_url or f"sqlite:///{self.database_file}"

    @property
    def database_file(self) -> Path:
        """The database where nobody named another one."""
        return self.path / "levensloop.db"

    @property
    def candidates(self) -> Path:
        """Trained, not promoted."""
        return self.path / "candidates"

    @property
    def releases(self) -> Path:
        """Promoted, immutable; the pointer `champion` stands beside them."""
        return self.path / "releases"

    @property
    def vault(self) -> Path:
        """Group attributes for the audit, encrypted."""
        return self.path / "vault"

    @property
    def monitoring(self) -> Path:
        """Facts of the months after a release, one file per release."""
        return self.path / "monitoring"

    @property
    def reports(self) -> Path:
        """Reports that the board reads before it signs, a folder per release."""
        return self.path / "reports"

    @property
    def keys(self) -> Path:
        """Public keys and their roles; private keys of those who keep them here."""
        return self.path / "keys"

    @property
    def link_key(self) -> Path:
        """The secret that one-time links of the pages are made with."""
        return self.path / "sign-in.key"

    @property
    def checkpoints(self) -> Path:
        """Signed heads of the trail, meant for a place that another role owns."""
        return self.path / "checkpoints"


def find_home(environ: Mapping[str, str] | None = None) -> Home:
    """The state folder that `LEVENSLOOP_HOME` names, else the platform's; its database as `LEVENSLOOP_DATABASE_URL`."""
    environ = os.environ if environ is None else environ
    named = environ.get("LEVENSLOOP_HOME")
    path = Path(named).expanduser().resolve() if named else Path(platformdirs.user_data_path("levensloop"))
    return Home(path, environ.get("LEVENSLOOP_DATABASE_URL", ""))
