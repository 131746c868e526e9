//! Names as Rust writes them.

const KEYWORDS: [&str; 4] = ["match", "type", "ref", "use"];

/// `ThrottleTimeMs` becomes `throttle_time_ms`.
pub fn snake_case(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut snake = String::new();
    for (index, &letter) in letters.iter().enumerate() {
        let after_lower = index > 0 && !letters[index - 1].is_uppercase();
        let before_lower = letters.get(index + 1).is_some_and(|next| next.is_lowercase());
        if letter.is_uppercase() && index > 0 && (after_lower || before_lower) {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

/// The name of a field: in snake case, and raw where it is a word of the language.
pub fn field(name: &str) -> String {
    let snake = snake_case(name);
    if KEYWORDS.contains(&snake.as_str()) { format!("r#{snake}") } else { snake }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_abbreviations() {
        assert_eq!(snake_case("ThrottleTimeMs"), "throttle_time_ms");
        assert_eq!(snake_case("SCRAMCredential"), "scram_credential");
        assert_eq!(snake_case("topicId"), "topic_id");
        assert_eq!(field("Type"), "r#type");
    }
}
