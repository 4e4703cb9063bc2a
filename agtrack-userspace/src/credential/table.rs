//! The well-known places of credentials: nothing but data.
//!
//! | pattern | means |
//! |---|---|
//! | `/etc/shadow` | this file |
//! | `/run/secrets/` | everything below, from the root |
//! | `/tmp/krb5cc_*` | everything that begins so, from the root |
//! | `.aws/credentials` | a path that ends so, at a component |
//! | `.ssh/` | everything below a hidden directory of this name, wherever it is |
//! | `*.kdbx` | a file name with this extension |
//!
//! Where several rows cover a path, one of its file name counts before one of a directory.

use super::Credential;

const fn row(pattern: &'static str, what: &'static str) -> Credential {
    Credential {
        pattern,
        what,
        except: &[],
    }
}

/// All of them.
pub const TABLE: &[Credential] = &[
    // The system's own.
    row("/etc/shadow", "password hashes"),
    row("/etc/shadow-", "password hashes"),
    row("/etc/gshadow", "password hashes"),
    row("/etc/gshadow-", "password hashes"),
    row("/etc/security/opasswd", "password hashes"),
    row("/etc/krb5.keytab", "Kerberos keys"),
    row("/tmp/krb5cc_*", "Kerberos tickets"),
    row("/etc/ssl/private/", "TLS key"),
    row("/etc/pki/tls/private/", "TLS key"),
    row("/etc/letsencrypt/archive/", "TLS key"),
    row("/etc/letsencrypt/live/", "TLS key"),
    row("/run/secrets/", "mounted secret"),
    row("/var/run/secrets/", "mounted secret"),
    row("/run/credentials/", "mounted secret"),
    // SSH and PGP.
    row(".ssh/authorized_keys", "who may log in by SSH"),
    row("ssh_host_rsa_key", "SSH host key"),
    row("ssh_host_ecdsa_key", "SSH host key"),
    row("ssh_host_ed25519_key", "SSH host key"),
    Credential {
        pattern: ".ssh/",
        what: "SSH key",
        except: &[
            "known_hosts",
            "known_hosts.old",
            "config",
            "authorized_keys",
            "environment",
            "*.pub",
        ],
    },
    row("id_rsa", "SSH key"),
    row("id_dsa", "SSH key"),
    row("id_ecdsa", "SSH key"),
    row("id_ed25519", "SSH key"),
    row("*.ppk", "SSH key"),
    row(".gnupg/private-keys-v1.d/", "PGP key"),
    row(".gnupg/secring.gpg", "PGP key"),
    // Clouds and clusters.
    row(".aws/credentials", "AWS keys"),
    row(".aws/sso/cache/", "AWS tokens"),
    row(".aws/cli/cache/", "AWS tokens"),
    row(".azure/accessTokens.json", "Azure tokens"),
    row(".azure/msal_token_cache.json", "Azure tokens"),
    row(
        ".config/gcloud/application_default_credentials.json",
        "Google Cloud keys",
    ),
    row(".config/gcloud/credentials.db", "Google Cloud keys"),
    row(".config/gcloud/access_tokens.db", "Google Cloud tokens"),
    row(".config/gcloud/legacy_credentials/", "Google Cloud keys"),
    row(".config/doctl/config.yaml", "DigitalOcean token"),
    row(".kube/config", "Kubernetes access"),
    row("/etc/kubernetes/admin.conf", "Kubernetes access"),
    row("/etc/kubernetes/pki/", "Kubernetes keys"),
    row("/etc/rancher/k3s/k3s.yaml", "Kubernetes access"),
    row(".docker/config.json", "registry passwords"),
    row("containers/auth.json", "registry passwords"),
    row(".vault-token", "Vault token"),
    row(".terraform.d/credentials.tfrc.json", "Terraform token"),
    row("terraform.tfstate", "Terraform state"),
    row(".config/sops/age/keys.txt", "age keys"),
    row(".config/rclone/rclone.conf", "storage passwords"),
    row(".s3cfg", "S3 keys"),
    row(".boto", "storage keys"),
    // Source code and packages.
    row(".git-credentials", "git passwords"),
    row(".config/git/credentials", "git passwords"),
    row(".config/gh/hosts.yml", "GitHub token"),
    row(".config/hub", "GitHub token"),
    row(".config/glab-cli/config.yml", "GitLab token"),
    row(".npmrc", "npm token"),
    row(".yarnrc.yml", "npm token"),
    row(".pypirc", "PyPI token"),
    row(".cargo/credentials", "cargo token"),
    row(".cargo/credentials.toml", "cargo token"),
    row(".gem/credentials", "RubyGems token"),
    row(".m2/settings.xml", "Maven passwords"),
    row(".gradle/gradle.properties", "Gradle passwords"),
    row(".composer/auth.json", "Composer token"),
    row(".config/composer/auth.json", "Composer token"),
    // Hosts and databases.
    row(".netrc", "passwords of hosts"),
    row(".pgpass", "database passwords"),
    row(".my.cnf", "database passwords"),
    row(".mylogin.cnf", "database passwords"),
    // Projects.
    row(".env", "environment file"),
    row(".env.local", "environment file"),
    row(".env.development", "environment file"),
    row(".env.staging", "environment file"),
    row(".env.production", "environment file"),
    row(".envrc", "environment file"),
    // Agents themselves.
    row(".claude/.credentials.json", "agent's own token"),
    row(".codex/auth.json", "agent's own token"),
    row(".gemini/oauth_creds.json", "agent's own token"),
    row("opencode/auth.json", "agent's own token"),
    row(".config/github-copilot/hosts.json", "agent's own token"),
    row(".config/github-copilot/apps.json", "agent's own token"),
    // People's password stores and browsers.
    row("*.kdbx", "password store"),
    row(".password-store/", "password store"),
    row("keyrings/login.keyring", "password store"),
    row("Login Data", "browser passwords"),
    row("logins.json", "browser passwords"),
    row("key4.db", "browser passwords"),
    row("cookies.sqlite", "browser cookies"),
    row("wallet.dat", "wallet"),
    // Key stores.
    row("*.p12", "key store"),
    row("*.pfx", "key store"),
    row("*.jks", "key store"),
    row("*.keystore", "key store"),
];

/// Variables of the environment that hold credentials: a name, or `*` and how it ends; of
/// those the first that fits.
#[rustfmt::skip]
pub const VARIABLES: &[(&str, &str)] = &[
    ("AWS_SECRET_ACCESS_KEY", "AWS keys"),
    ("AWS_SESSION_TOKEN", "AWS keys"),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS keys"),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS keys"),
    ("AZURE_CLIENT_SECRET", "Azure keys"),
    ("AZURE_STORAGE_KEY", "Azure keys"),
    ("GOOGLE_APPLICATION_CREDENTIALS", "Google Cloud keys"),
    ("CLOUDSDK_AUTH_ACCESS_TOKEN", "Google Cloud tokens"),
    ("KUBECONFIG", "Kubernetes access"),
    ("GH_TOKEN", "GitHub token"),
    ("GITHUB_TOKEN", "GitHub token"),
    ("GITLAB_TOKEN", "GitLab token"),
    ("CI_JOB_TOKEN", "GitLab token"),
    ("NPM_TOKEN", "npm token"),
    ("NODE_AUTH_TOKEN", "npm token"),
    ("TWINE_PASSWORD", "PyPI token"),
    ("CARGO_REGISTRY_TOKEN", "cargo token"),
    ("VAULT_TOKEN", "Vault token"),
    ("OPENAI_API_KEY", "model access"),
    ("ANTHROPIC_API_KEY", "model access"),
    ("ANTHROPIC_AUTH_TOKEN", "model access"),
    ("GEMINI_API_KEY", "model access"),
    ("GOOGLE_API_KEY", "model access"),
    ("SSH_AUTH_SOCK", "SSH agent"),
    ("GPG_AGENT_INFO", "PGP agent"),
    ("PGPASSWORD", "database passwords"),
    ("MYSQL_PWD", "database passwords"),
    ("REDISCLI_AUTH", "database passwords"),
    ("DATABASE_URL", "database passwords"),
    ("SSHPASS", "passwords of hosts"),
    ("SLACK_BOT_TOKEN", "Slack token"),
    ("*_API_KEY", "key"),
    ("*_APIKEY", "key"),
    ("*_ACCESS_KEY", "key"),
    ("*_SECRET_KEY", "key"),
    ("*_PRIVATE_KEY", "key"),
    ("*_TOKEN", "token"),
    ("*_PASSWORD", "password"),
    ("*_PASSWD", "password"),
    ("*_PASSPHRASE", "password"),
    ("*_SECRET", "secret"),
    ("*_CREDENTIALS", "credentials"),
];

/// Where machines in a cloud ask for their own credentials.
#[rustfmt::skip]
pub const ADDRESSES: &[(&str, &str)] = &[
    // AWS, Azure, Google Cloud, DigitalOcean, OpenStack …
    ("169.254.169.254", "cloud metadata"),
    ("fd00:ec2::254", "cloud metadata"),
    ("fd20:ce::254", "cloud metadata"),
    // Containers of AWS: the task's role, and pods'.
    ("169.254.170.2", "cloud metadata"),
    ("169.254.170.23", "cloud metadata"),
    ("fd00:ec2::23", "cloud metadata"),
    // Azure's host, Alibaba Cloud, Oracle Cloud.
    ("168.63.129.16", "cloud metadata"),
    ("100.100.100.200", "cloud metadata"),
    ("192.0.0.192", "cloud metadata"),
];

/// Sockets of those that hold keys: how the path begins, and what it has behind that.
#[rustfmt::skip]
pub const SOCKETS: &[(&str, &str, &str)] = &[
    ("/tmp/ssh-", "/agent.", "SSH agent"),
    ("/", "/.ssh/agent/", "SSH agent"),
    ("/run/user/", "/keyring/ssh", "SSH agent"),
    ("/run/user/", "/gcr/ssh", "SSH agent"),
    ("/run/user/", "/ssh-agent", "SSH agent"),
    ("/run/user/", "/openssh_agent", "SSH agent"),
    ("/", "/S.gpg-agent", "PGP agent"),
    ("/run/user/", "/keyring/", "password store"),
    ("/run/user/", "/kwallet", "password store"),
];
