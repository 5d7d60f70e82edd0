//! The grammars, and what each calls the things that are counted.

use std::sync::LazyLock;

use tree_sitter::Language;

use crate::base::name::TreePath;

/// What a node of a syntax tree is to the measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Nothing.
    Other,
    /// A function that is judged.
    Function,
    /// A function without a name, which is part of the one around it.
    Lambda,
    /// A condition with its alternatives.
    If,
    /// What holds an alternative, which may be a condition again.
    Else,
    /// An alternative with a condition of its own.
    ElseIf,
    /// A loop.
    Loop,
    /// A choice of several.
    Switch,
    /// What is done about an error.
    Catch,
    /// A condition with two values.
    Ternary,
    /// Two operands and what is between them.
    Binary,
    /// Several conditions of which all must hold.
    AndChain,
    /// Brackets around an expression.
    Brackets,
    /// A jump, if it names a label.
    Jump,
    /// A call.
    Call,
    /// The operator of which all must hold.
    And,
    /// The operator of which one must.
    Or,
}

/// A grammar, and the role of each sort of node in it.
#[derive(Debug)]
pub struct Grammar {
    /// What reads the text.
    pub language: Language,
    /// The role of each sort of node.
    roles: Vec<Role>,
}

const OPERATORS: [(&str, Role); 4] = [("&&", Role::And), ("||", Role::Or), ("and", Role::And), ("or", Role::Or)];

/// What the grammars call the things that are counted. Where two have the same name for something, it is the same thing.
const ROLES: &[(&str, Role)] = &[
    ("function_item", Role::Function),
    ("function_definition", Role::Function),
    ("function_declaration", Role::Function),
    ("generator_function_declaration", Role::Function),
    ("function_expression", Role::Function),
    ("generator_function", Role::Function),
    ("arrow_function", Role::Function),
    ("method_definition", Role::Function),
    ("method_declaration", Role::Function),
    ("constructor_declaration", Role::Function),
    ("closure_expression", Role::Lambda),
    ("lambda", Role::Lambda),
    ("func_literal", Role::Lambda),
    ("lambda_expression", Role::Lambda),
    ("if_expression", Role::If),
    ("if_statement", Role::If),
    ("else_clause", Role::Else),
    ("elif_clause", Role::ElseIf),
    ("for_expression", Role::Loop),
    ("while_expression", Role::Loop),
    ("loop_expression", Role::Loop),
    ("for_statement", Role::Loop),
    ("while_statement", Role::Loop),
    ("for_in_statement", Role::Loop),
    ("do_statement", Role::Loop),
    ("enhanced_for_statement", Role::Loop),
    ("match_expression", Role::Switch),
    ("match_statement", Role::Switch),
    ("switch_statement", Role::Switch),
    ("expression_switch_statement", Role::Switch),
    ("type_switch_statement", Role::Switch),
    ("select_statement", Role::Switch),
    ("switch_expression", Role::Switch),
    ("except_clause", Role::Catch),
    ("catch_clause", Role::Catch),
    ("conditional_expression", Role::Ternary),
    ("ternary_expression", Role::Ternary),
    ("binary_expression", Role::Binary),
    ("boolean_operator", Role::Binary),
    ("let_chain", Role::AndChain),
    ("parenthesized_expression", Role::Brackets),
    ("break_expression", Role::Jump),
    ("continue_expression", Role::Jump),
    ("break_statement", Role::Jump),
    ("continue_statement", Role::Jump),
    ("goto_statement", Role::Jump),
    ("call_expression", Role::Call),
    ("call", Role::Call),
    ("method_invocation", Role::Call),
];

static OF_RUST: LazyLock<Grammar> = LazyLock::new(|| Grammar::new(tree_sitter_rust::LANGUAGE.into()));
static OF_PYTHON: LazyLock<Grammar> = LazyLock::new(|| Grammar::new(tree_sitter_python::LANGUAGE.into()));
static OF_TYPESCRIPT: LazyLock<Grammar> = LazyLock::new(|| Grammar::new(tree_sitter_typescript::LANGUAGE_TYPESCRIPT.into()));
// The dialect with tags reads plain JavaScript as well.
static OF_TSX: LazyLock<Grammar> = LazyLock::new(|| Grammar::new(tree_sitter_typescript::LANGUAGE_TSX.into()));
static OF_GO: LazyLock<Grammar> = LazyLock::new(|| Grammar::new(tree_sitter_go::LANGUAGE.into()));
static OF_JAVA: LazyLock<Grammar> = LazyLock::new(|| Grammar::new(tree_sitter_java::LANGUAGE.into()));

impl Grammar {
    /// The grammar of a file, by its name.
    pub fn of(path: &TreePath) -> Option<&'static Grammar> {
        Some(match path.extension()? {
            "rs" => &OF_RUST,
            "py" => &OF_PYTHON,
            "ts" | "mts" | "cts" => &OF_TYPESCRIPT,
            "js" | "mjs" | "cjs" | "jsx" | "tsx" => &OF_TSX,
            "go" => &OF_GO,
            "java" => &OF_JAVA,
            _ => return None,
        })
    }

    fn new(language: Language) -> Grammar {
        let role = |id: u16| {
            let name = language.node_kind_for_id(id)?;
            let table = if language.node_kind_is_named(id) { ROLES } else { &OPERATORS };
            table.iter().find(|(known, _)| *known == name).map(|(_, role)| *role)
        };
        let count = u16::try_from(language.node_kind_count()).unwrap_or(u16::MAX);
        let roles = (0..count).map(|id| role(id).unwrap_or(Role::Other)).collect();
        Grammar { language, roles }
    }

    /// What a node of this sort is.
    pub fn role(&self, id: u16) -> Role {
        self.roles.get(usize::from(id)).copied().unwrap_or(Role::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_known_to_a_grammar_and_is_the_same_to_all_that_know_it() {
        for (name, role) in ROLES {
            let all = [&OF_RUST, &OF_PYTHON, &OF_TYPESCRIPT, &OF_TSX, &OF_GO, &OF_JAVA];
            let known = all.iter().map(|grammar| (grammar, grammar.language.id_for_node_kind(name, true))).filter(|(_, id)| *id != 0);
            let roles: Vec<Role> = known.map(|(grammar, id)| grammar.role(id)).collect();
            assert!(!roles.is_empty() && roles.iter().all(|known| known == role), "{name}: {roles:?}");
        }
    }
}
