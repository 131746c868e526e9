//! The table of apis.

use std::fmt::Write as _;

use super::super::model::Message;
use super::super::spec::Kind;

pub fn table(messages: &[Message]) -> String {
    let mut requests: Vec<_> = messages
        .iter()
        .filter(|message| message.kind == Kind::Request)
        .filter_map(|message| Some((message.key?, message)))
        .collect();
    requests.sort_by_key(|(key, _)| *key);
    let mut code = super::notice();
    code += "//! Every api: its number, name, messages, and last version fit for use.\n\n";
    code += "crate::api_key::apis! {\n";
    for (key, message) in requests {
        let name = message.name.trim_end_matches("Request");
        let stable = message.stable_versions().last;
        let _ = writeln!(code, "    {key}, {name}, {name}Request, {name}Response, {stable};");
    }
    code + "}\n"
}
