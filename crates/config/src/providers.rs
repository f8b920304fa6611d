//! The OpenID providers of the configuration, completed by what is known of those that many apps use.

use anyhow::{Context as _, ensure};
use tapebase_adapters::oidc::{
    Algorithm, Client, ClientSecret, Provider, SigningKey, is_known, preset, require_secure,
};
use tapebase_domain::{oidc::ProviderName, user::SocialId};

use crate::{Config, OidcConfig, secret::Secret};

impl Config {
    /// Each provider.
    ///
    /// # Errors
    /// If one has no issuer or no audience, is where somebody could be in between, or signs with a shared secret.
    pub fn providers(&self) -> anyhow::Result<Vec<Provider>> {
        let read =
            |(name, config): (&String, &OidcConfig)| config.read(name).with_context(|| format!("auth.oidc.{name}"));
        let providers: Vec<Provider> = self.auth.oidc.iter().map(read).collect::<Result<_, _>>()?;
        let mut networks: Vec<&String> = providers.iter().filter_map(|provider| provider.network.as_ref()).collect();
        networks.sort_unstable();
        let twice = networks.windows(2).find(|pair| pair[0] == pair[1]);
        ensure!(
            twice.is_none(),
            "auth.oidc: two providers have the social_type {:?}",
            twice.map_or("", |pair| pair[0])
        );
        Ok(providers)
    }
}

/// Whose ID tokens of web login (<https://developers.line.biz/en/docs/line-login/verify-id-token/>) are not like those of apps.
const LINE: &str = "https://access.line.me";

impl OidcConfig {
    fn read(&self, name: &str) -> anyhow::Result<Provider> {
        let name = ProviderName::parse(name)?;
        let known = preset(&name);
        let issuer = self.issuer.clone().or_else(|| Some(known.as_ref()?.issuer.clone()));
        let issuer = issuer.context("issuer is missing: the URL that the provider calls itself")?;
        require_secure(&issuer).context("issuer")?;
        // Where keys are is known of the issuer that is known, and of no other.
        let known = known.filter(|known| known.issuer == issuer);
        let also_issuer = known.as_ref().and_then(|known| known.also_issuer.clone());
        let jwks_uri = self.jwks_uri.clone().or_else(|| known.as_ref()?.jwks_uri.clone());
        jwks_uri.as_deref().map_or(Ok(()), require_secure).context("jwks_uri")?;
        let mut audiences = self.audiences.clone().into_vec();
        let algorithms = match &self.algorithms {
            Some(names) => {
                names.clone().into_vec().iter().map(|name| algorithm(name)).collect::<Result<Vec<_>, _>>()?
            }
            None => known.map_or_else(|| vec![Algorithm::RS256], |known| known.algorithms),
        };
        ensure!(!algorithms.is_empty(), "algorithms must name at least one");
        let network = self.social_type.clone();
        if let Some(network) = &network {
            SocialId::parse(network.clone(), "1".to_owned()).context("social_type")?;
        }
        let client_id = self.client_id.clone().filter(|id| !id.trim().is_empty());
        ensure!(
            client_id.is_some() || self.client_secret.is_none(),
            "client_id is missing: whose secret client_secret is"
        );
        ensure!(
            client_id.is_none() || issuer != LINE,
            "client_id: LINE signs what browsers bring with the channel's secret (HS256), which proves nothing here"
        );
        // What browsers bring was issued to it.
        audiences.extend(client_id.clone().filter(|id| !audiences.contains(id)));
        ensure!(!audiences.is_empty(), "audiences is missing: the client ids of your apps at the provider");
        let web = client_id.map(|id| {
            let secret = self.client_secret.as_ref().map(|Secret(secret)| ClientSecret(secret.clone()));
            Client { id, secret }
        });
        let signing_key = self.signing_key()?;
        ensure!(
            signing_key.is_none() || self.client_secret.is_none(),
            "client_secret and private_key: give one of them"
        );
        Ok(Provider { name, issuer, also_issuer, audiences, algorithms, jwks_uri, network, web, signing_key })
    }

    /// With which client secrets are signed, as Apple has it.
    fn signing_key(&self) -> anyhow::Result<Option<SigningKey>> {
        match (self.team_id.clone(), self.key_id.clone(), &self.private_key) {
            (None, None, None) => Ok(None),
            (Some(team), Some(id), Some(Secret(pem))) if ![&team, &id].iter().any(|id| id.trim().is_empty()) => {
                Ok(Some(SigningKey::parse(team, id, pem).context("private_key")?))
            }
            _ => anyhow::bail!("team_id, key_id and private_key go together, and none is empty"),
        }
    }
}

fn algorithm(name: &str) -> anyhow::Result<Algorithm> {
    let algorithm = name.parse().ok().filter(|algorithm| is_known(*algorithm));
    algorithm.with_context(|| {
        format!("algorithms: {name:?} is none of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 and EdDSA")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn providers(toml: &str) -> Result<Vec<Provider>, String> {
        let config: Config = toml::from_str(toml).map_err(|error| error.to_string())?;
        config.providers().map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn what_is_known_of_a_provider_need_not_be_said() {
        let found =
            providers("[auth.oidc.google]\naudiences = ['app-1', 'app-2']\nsocial_type = 'google'").expect("fine");

        let [google] = &found[..] else { panic!("{found:?}") };
        assert_eq!((&*google.issuer, google.network.as_deref()), ("https://accounts.google.com", Some("google")));
        assert_eq!(
            (&google.audiences[..], &google.algorithms[..]),
            (&["app-1".to_owned(), "app-2".to_owned()][..], &[Algorithm::RS256][..])
        );
        assert!(google.jwks_uri.is_some());
    }

    #[test]
    fn what_is_known_may_be_said() {
        let said = providers("[auth.oidc.google]\nissuer = 'https://accounts.google.com'\naudiences = 'app'");
        assert_eq!(said, providers("[auth.oidc.google]\naudiences = 'app'"));
    }

    #[test]
    fn any_other_is_said_in_full() {
        let found = providers(
            "[auth.oidc.test]\nissuer = 'http://127.0.0.1:8090'\naudiences = 'testclient'\nalgorithms = 'ES256, EdDSA'",
        );

        let [test] = &found.expect("fine")[..] else { panic!("several") };
        assert_eq!((&test.audiences[..], test.jwks_uri.as_ref()), (&["testclient".to_owned()][..], None));
        assert_eq!(test.algorithms, [Algorithm::ES256, Algorithm::EdDSA]);
    }

    #[test]
    fn another_issuer_has_none_of_what_is_known_under_the_name() {
        let found =
            providers("[auth.oidc.google]\nissuer = 'https://id.example.com'\naudiences = 'app'").expect("fine");
        assert_eq!(
            (&*found[0].issuer, &found[0].also_issuer, &found[0].jwks_uri),
            ("https://id.example.com", &None, &None)
        );
    }

    #[test]
    fn apple_has_a_key_instead_of_a_secret() {
        // Of nobody: made for this test.
        let key = "-----BEGIN PRIVATE KEY-----\\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg//yGz2yLN8zoWtdo7RPPaWISv4edA5DORCVX/lmo6QyhRANCAAQ6bUfaAiJMM6YkG5LTA8wj9hxQoYPJZJeucf3HQoLzA+cQafGliq+E0kgRi5TRikfqZfNNshHN//opF1EXGCQZ\\n-----END PRIVATE KEY-----";
        let apple =
            format!("[auth.oidc.apple]\naudiences = 'app'\nteam_id = 'TEAM'\nkey_id = 'KEY'\nprivate_key = '{key}'");

        let [found] = &providers(&apple).expect("fine")[..] else { panic!("several") };

        assert_eq!(found.signing_key, SigningKey::parse("TEAM".into(), "KEY".into(), key).ok());
        assert!(found.signing_key.is_some() && found.web.is_none());
        let both = format!("{apple}\nclient_id = 'web'\nclient_secret = 's3cret'");
        assert!(providers(&both).expect_err("both").contains("give one of them"));
    }

    #[test]
    fn what_would_prove_nothing_is_refused() {
        for (toml, reason) in [
            ("[auth.oidc.test]\naudiences = 'a'", "issuer is missing"),
            ("[auth.oidc.google]", "audiences is missing"),
            ("[auth.oidc.google]\naudiences = ' , '", "audiences is missing"),
            ("[auth.oidc.Google]\naudiences = 'a'", "auth.oidc.Google: the name of a provider"),
            ("[auth.oidc.test]\nissuer = 'http://id.example.com'\naudiences = 'a'", "issuer: "),
            ("[auth.oidc.google]\naudiences = 'a'\njwks_uri = 'http://evil.example.com'", "jwks_uri: "),
            ("[auth.oidc.google]\naudiences = 'a'\nalgorithms = 'HS256'", "algorithms: \"HS256\" is none"),
            ("[auth.oidc.google]\naudiences = 'a'\nalgorithms = 'none'", "algorithms: \"none\" is none"),
            ("[auth.oidc.google]\naudiences = 'a'\nalgorithms = []", "algorithms must name"),
            ("[auth.oidc.google]\naudiences = 'a'\nsocial_type = 'a_b'", "social_type: "),
            ("[auth.oidc.google]\naudiences = 'a'\nclient = 'x'", "unknown field"),
            ("[auth.oidc.apple]\naudiences = 'a'\nteam_id = 'T'\nkey_id = 'K'", "go together"),
            (
                "[auth.oidc.apple]\naudiences = 'a'\nteam_id = 'T'\nkey_id = 'K'\nprivate_key = 'k'",
                "private_key: not a private key of the curve P-256",
            ),
            (
                "[auth.oidc.google]\naudiences = 'a'\nsocial_type = 'g'\n[auth.oidc.line]\naudiences = 'a'\nsocial_type = 'g'",
                "two providers",
            ),
        ] {
            let error = providers(toml).expect_err(toml);
            assert!(error.contains(reason), "{toml}: {error}");
        }
    }
}
