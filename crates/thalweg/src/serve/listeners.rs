//! Where Kafka clients connect: the settings `listeners` and `advertised.listeners`, which the flags
//! `--kafka-listen` and `--kafka-advertise` set.

use std::collections::BTreeMap;

use thalweg_cluster::config::elements;

use crate::address::Address;
use crate::error::Failure;
use crate::settings::Settings;

const LISTENERS: &str = "listeners";
const ADVERTISED: &str = "advertised.listeners";
const PLAINTEXT: &str = "PLAINTEXT";
const ANY_HOST: &str = "0.0.0.0";

/// A listener to be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Its name, by which it is found in `advertised.listeners`.
    pub name: String,
    /// What to bind.
    pub bind: Address,
    /// What clients are told, if not the same.
    pub advertised: Option<Address>,
}

/// The value of `listeners` or `advertised.listeners` for addresses from flags.
pub fn setting_of(addresses: &[Address]) -> String {
    let entries = addresses.iter().map(|address| format!("{PLAINTEXT}://{address}"));
    entries.collect::<Vec<_>>().join(",")
}

/// The listeners that the settings ask for. The n-th advertised address of a name belongs to the
/// n-th listener of that name.
pub fn listeners(settings: &Settings) -> Result<Vec<Listener>, Failure> {
    let mut advertised: BTreeMap<String, Vec<Address>> = BTreeMap::new();
    for (name, address) in entries(settings, ADVERTISED)? {
        advertised.entry(name).or_default().push(address);
    }
    for addresses in advertised.values_mut() {
        addresses.reverse();
    }
    let mut listeners = Vec::new();
    for (name, bind) in entries(settings, LISTENERS)? {
        check_security(settings, &name)?;
        let advertised = advertised.get_mut(&name).and_then(Vec::pop);
        if advertised.is_none() && is_wildcard(&bind.host) {
            return Err(Failure::Usage(format!(
                "{bind} is every address of this machine, which clients cannot connect to; \
                 say where they find it, such as --kafka-advertise my-host:{}",
                bind.port
            )));
        }
        listeners.push(Listener { name, bind, advertised });
    }
    if let Some((name, address)) =
        advertised.iter().find_map(|(name, rest)| Some((name, rest.last()?)))
    {
        return Err(Failure::Usage(format!(
            "{name}://{address} is advertised, but there is no such listener; \
             give one --kafka-listen for each --kafka-advertise"
        )));
    }
    Ok(listeners)
}

/// Names and addresses from a list such as `PLAINTEXT://127.0.0.1:9092,PLAINTEXT://[::1]:9092`.
fn entries(settings: &Settings, setting: &str) -> Result<Vec<(String, Address)>, Failure> {
    let controllers: Vec<&str> = elements(settings.get("controller.listener.names")).collect();
    let mut entries = Vec::new();
    for element in elements(settings.get(setting)) {
        let (name, address) = element.split_once("://").unwrap_or((PLAINTEXT, element));
        // There is no controller here; a configuration written for Kafka may name its listener.
        if controllers.contains(&name) {
            continue;
        }
        let address = match address.strip_prefix(':') {
            Some(port) => format!("{ANY_HOST}:{port}").parse(),
            None => address.parse(),
        };
        let address = address.map_err(|error| Failure::Usage(format!("{setting}: {error}")))?;
        entries.push((name.to_owned(), address));
    }
    Ok(entries)
}

fn check_security(settings: &Settings, name: &str) -> Result<(), Failure> {
    let map = settings.get("listener.security.protocol.map");
    let mut protocols = elements(map).filter_map(|element| element.split_once(':'));
    let protocol = protocols.find(|(listener, _)| *listener == name).map(|(_, protocol)| protocol);
    match protocol {
        Some(PLAINTEXT) => Ok(()),
        Some(other) => Err(Failure::Usage(format!(
            "listener {name} asks for {other}, but connections are neither encrypted nor \
             authenticated yet; use {PLAINTEXT}"
        ))),
        None => Err(Failure::Usage(format!(
            "listener {name} is not in listener.security.protocol.map; add {name}:{PLAINTEXT}"
        ))),
    }
}

fn is_wildcard(host: &str) -> bool {
    host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_unspecified())
}

#[cfg(test)]
mod tests {
    use thalweg_env::Env;

    use super::*;
    use crate::settings::Inputs;

    fn parsed(sets: &[(&str, &str)]) -> Result<Vec<Listener>, String> {
        let sets = sets.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let inputs = Inputs { sets: sets.collect(), ..Default::default() };
        let settings = Settings::load(&Env::real(), &inputs).unwrap();
        listeners(&settings).map_err(|failure| failure.to_string())
    }

    fn listener(name: &str, bind: &str, advertised: Option<&str>) -> Listener {
        Listener {
            name: name.to_owned(),
            bind: bind.parse().unwrap(),
            advertised: advertised.map(|address| address.parse().unwrap()),
        }
    }

    #[test]
    fn the_default_is_loopback() {
        assert_eq!(parsed(&[]), Ok(vec![listener("PLAINTEXT", "127.0.0.1:9092", None)]));
    }

    #[test]
    fn flags_pair_in_order() {
        let bind: Vec<Address> =
            ["127.0.0.1:0", "[::]:9093"].iter().map(|text| text.parse().unwrap()).collect();
        let advertise: Vec<Address> =
            ["a:1", "b:2"].iter().map(|text| text.parse().unwrap()).collect();
        let listeners =
            parsed(&[(LISTENERS, &setting_of(&bind)), (ADVERTISED, &setting_of(&advertise))]);
        let expected = vec![
            listener("PLAINTEXT", "127.0.0.1:0", Some("a:1")),
            listener("PLAINTEXT", "[::]:9093", Some("b:2")),
        ];
        assert_eq!(listeners, Ok(expected));
    }

    #[test]
    fn names_pair_whatever_the_order() {
        let listeners = parsed(&[
            (LISTENERS, "IN://:9092,OUT://127.0.0.1:9093,CONTROLLER://:9094"),
            (ADVERTISED, "OUT://out:1,IN://in:2"),
            ("listener.security.protocol.map", "IN:PLAINTEXT,OUT:PLAINTEXT"),
            ("controller.listener.names", "CONTROLLER"),
        ]);
        let expected = vec![
            listener("IN", "0.0.0.0:9092", Some("in:2")),
            listener("OUT", "127.0.0.1:9093", Some("out:1")),
        ];
        assert_eq!(listeners, Ok(expected));
    }

    #[test]
    fn what_cannot_work_is_refused_with_what_to_do() {
        for (sets, word) in [
            (&[(LISTENERS, "PLAINTEXT://0.0.0.0:9092")][..], "--kafka-advertise my-host:9092"),
            (&[(LISTENERS, "[::]:1")][..], "--kafka-advertise"),
            (&[(LISTENERS, "SSL://127.0.0.1:1")][..], "neither encrypted"),
            (&[(LISTENERS, "IN://127.0.0.1:1")][..], "listener.security.protocol.map"),
            (&[(LISTENERS, "PLAINTEXT://nowhere:x")][..], "is not an address"),
            (&[(ADVERTISED, "a:1,b:2")][..], "PLAINTEXT://b:2"),
        ] {
            let error = parsed(sets).unwrap_err();
            assert!(error.contains(word), "{sets:?}: {error}");
        }
    }
}
