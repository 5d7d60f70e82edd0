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

/// A grammar and its table.
#[derive(Debug)]
pub struct Grammar {
    /// What reads the text.
    pub language: Language,
    /// The role of each sort of node.
    roles: Vec<Role>,
}

const OPERATORS: [(&str, Role); 4] = [("&&", Role::And), ("||", Role::Or), ("and", Role::And), ("or", Role::Or)];

const RUST: &[(&str, Role)] = &[
    ("function_item", Role::Function),
    ("closure_expression", Role::Lambda),
    ("if_expression", Role::If),
    ("else_clause", Role::Else),
    ("for_expression", Role::Loop),
    ("while_expression", Role::Loop),
    ("loop_expression", Role::Loop),
    ("match_expression", Role::Switch),
    ("binary_expression", Role::Binary),
    ("let_chain", Role::AndChain),
    ("parenthesized_expression", Role::Brackets),
    ("break_expression", Role::Jump),
    ("continue_expression", Role::Jump),
    ("call_expression", Role::Call),
];
const PYTHON: &[(&str, Role)] = &[
    ("function_definition", Role::Function),
    ("lambda", Role::Lambda),
    ("if_statement", Role::If),
    ("elif_clause", Role::ElseIf),
    ("else_clause", Role::Else),
    ("for_statement", Role::Loop),
    ("while_statement", Role::Loop),
    ("match_statement", Role::Switch),
    ("except_clause", Role::Catch),
    ("conditional_expression", Role::Ternary),
    ("boolean_operator", Role::Binary),
    ("parenthesized_expression", Role::Brackets),
    ("call", Role::Call),
];
const SCRIPT: &[(&str, Role)] = &[
    ("function_declaration", Role::Function),
    ("generator_function_declaration", Role::Function),
    ("function_expression", Role::Function),
    ("generator_function", Role::Function),
    ("arrow_function", Role::Function),
    ("method_definition", Role::Function),
    ("if_statement", Role::If),
    ("else_clause", Role::Else),
    ("for_statement", Role::Loop),
    ("for_in_statement", Role::Loop),
    ("while_statement", Role::Loop),
    ("do_statement", Role::Loop),
    ("switch_statement", Role::Switch),
    ("catch_clause", Role::Catch),
    ("ternary_expression", Role::Ternary),
    ("binary_expression", Role::Binary),
    ("parenthesized_expression", Role::Brackets),
    ("break_statement", Role::Jump),
    ("continue_statement", Role::Jump),
    ("call_expression", Role::Call),
];
const GO: &[(&str, Role)] = &[
    ("function_declaration", Role::Function),
    ("method_declaration", Role::Function),
    ("func_literal", Role::Lambda),
    ("if_statement", Role::If),
    ("for_statement", Role::Loop),
    ("expression_switch_statement", Role::Switch),
    ("type_switch_statement", Role::Switch),
    ("select_statement", Role::Switch),
    ("binary_expression", Role::Binary),
    ("parenthesized_expression", Role::Brackets),
    ("goto_statement", Role::Jump),
    ("break_statement", Role::Jump),
    ("continue_statement", Role::Jump),
    ("call_expression", Role::Call),
];
const JAVA: &[(&str, Role)] = &[
    ("method_declaration", Role::Function),
    ("constructor_declaration", Role::Function),
    ("lambda_expression", Role::Lambda),
    ("if_statement", Role::If),
    ("for_statement", Role::Loop),
    ("enhanced_for_statement", Role::Loop),
    ("while_statement", Role::Loop),
    ("do_statement", Role::Loop),
    ("switch_expression", Role::Switch),
    ("catch_clause", Role::Catch),
    ("ternary_expression", Role::Ternary),
    ("binary_expression", Role::Binary),
    ("parenthesized_expression", Role::Brackets),
    ("break_statement", Role::Jump),
    ("continue_statement", Role::Jump),
    ("method_invocation", Role::Call),
];

static OF_RUST: LazyLock<Grammar> = LazyLock::new(|| Grammar::new(tree_sitter_rust::LANGUAGE.into(), RUST));
static OF_PYTHON: LazyLock<Grammar> = LazyLock::new(|| Grammar::new(tree_sitter_python::LANGUAGE.into(), PYTHON));
static OF_TYPESCRIPT: LazyLock<Grammar> = LazyLock::new(|| Grammar::new(tree_sitter_typescript::LANGUAGE_TYPESCRIPT.into(), SCRIPT));
// The dialect with tags reads plain JavaScript as well.
static OF_TSX: LazyLock<Grammar> = LazyLock::new(|| Grammar::new(tree_sitter_typescript::LANGUAGE_TSX.into(), SCRIPT));
static OF_GO: LazyLock<Grammar> = LazyLock::new(|| Grammar::new(tree_sitter_go::LANGUAGE.into(), GO));
static OF_JAVA: LazyLock<Grammar> = LazyLock::new(|| Grammar::new(tree_sitter_java::LANGUAGE.into(), JAVA));

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

    fn new(language: Language, table: &[(&str, Role)]) -> Grammar {
        let role = |id: u16| {
            let name = language.node_kind_for_id(id)?;
            let table = if language.node_kind_is_named(id) { table } else { &OPERATORS };
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
    fn every_name_of_a_table_is_known_to_its_grammar() {
        let all = [(&OF_RUST, RUST), (&OF_PYTHON, PYTHON), (&OF_TYPESCRIPT, SCRIPT), (&OF_TSX, SCRIPT), (&OF_GO, GO), (&OF_JAVA, JAVA)];
        for (grammar, table) in all {
            for (name, role) in table {
                let id = grammar.language.id_for_node_kind(name, true);
                assert_eq!(grammar.role(id), *role, "{name}");
            }
        }
    }
}
