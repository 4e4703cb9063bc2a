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
pub(super) const TABLE: &[Credential] = &[
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
