//! The walk over a syntax tree that gives each function its points.
//!
//! The tree is walked with a cursor and one frame for each level, so that nesting costs memory and no stack. A node is never asked for what
//! is above it, which takes as long as it is deep. A function within another is part of it, one level deeper, unless the outer one does
//! nothing but hold others (a decorator, a module, a suite of tests): then each is judged by itself.

use tree_sitter::{Node, Tree, TreeCursor};

use super::grammar::{Grammar, Role};

/// How many bytes of a name are kept.
const NAME: usize = 80;
/// What lies deeper is passed over: nobody wrote it by hand.
const MAX_DEPTH: usize = 10_000;
/// A function in so many others is a part of the innermost of them, and none of its own.
const MAX_OPEN: usize = 64;

/// What a point is given for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Conditions, loops and the like within others.
    Nested,
    /// Conditions and their alternatives.
    Condition,
    /// Loops.
    Loop,
    /// Rows of boolean operators.
    Operators,
    /// Choices of several.
    Switch,
    /// What is done about errors.
    Catch,
    /// Jumps to a label.
    Jump,
    /// A call of itself.
    Recursion,
}

impl What {
    /// All, in the order in which they are told.
    pub const ALL: [What; 8] =
        [What::Nested, What::Condition, What::Loop, What::Operators, What::Switch, What::Catch, What::Jump, What::Recursion];

    /// How it is called in a message.
    pub fn shown(self) -> &'static str {
        match self {
            What::Nested => "nested conditions and loops",
            What::Condition => "conditions",
            What::Loop => "loops",
            What::Operators => "rows of boolean operators",
            What::Switch => "switches",
            What::Catch => "handlers of errors",
            What::Jump => "jumps to labels",
            What::Recursion => "calls of itself",
        }
    }
}

/// What a place of a function contributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// What for.
    pub what: What,
    /// Where.
    pub line: u32,
    /// How much.
    pub points: u32,
    /// Whether each level around it costs one more.
    deepens: bool,
}

/// A function and what contributes to its complexity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Its first line.
    pub line: u32,
    /// Its last.
    pub line_end: u32,
    /// What contributes.
    pub parts: Vec<Part>,
}

impl Function {
    /// Its complexity.
    pub fn score(&self) -> u32 {
        self.parts.iter().fold(0, |sum, part| sum.saturating_add(part.points))
    }
}

/// A function that the walk is in.
struct Open {
    function: Function,
    /// How deep it is in the functions around it.
    base: u32,
    /// The functions within that have ended, whose points count from their own beginning.
    within: Vec<(u32, Function)>,
    is_recursive: bool,
    has_error: bool,
}

/// A level of the tree.
#[derive(Clone, Copy)]
struct Frame<'t> {
    /// The node, which those below may take their name from.
    node: Node<'t>,
    role: Role,
    nesting: u32,
    /// The row of operators that it is part of.
    row: Option<usize>,
    /// Whether a condition right below is the alternative of another.
    continues: bool,
}

struct Walk<'a> {
    grammar: &'a Grammar,
    content: &'a [u8],
    open: Vec<Open>,
    /// The last operator of each row.
    rows: Vec<Role>,
    done: Vec<Function>,
}

/// The functions of a text, each with what contributes to its complexity.
pub fn functions(grammar: &Grammar, tree: &Tree, content: &[u8]) -> Vec<Function> {
    let mut walk = Walk { grammar, content, open: Vec::new(), rows: Vec::new(), done: Vec::new() };
    let mut cursor = tree.walk();
    let mut frames = vec![Frame { node: tree.root_node(), role: Role::Other, nesting: 0, row: None, continues: false }];
    loop {
        let around = *frames.last().expect("the frame around all is never left");
        let frame = walk.enter(&cursor, around);
        if frames.len() < MAX_DEPTH && cursor.goto_first_child() {
            frames.push(frame);
            continue;
        }
        walk.leave(frame.role);
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return walk.done;
            }
            let left = frames.pop().expect("each level has its frame");
            walk.leave(left.role);
        }
    }
}

fn line(node: Node<'_>) -> u32 {
    u32::try_from(node.start_position().row + 1).unwrap_or(u32::MAX)
}

impl Walk<'_> {
    fn text(&self, node: Node<'_>) -> &[u8] {
        self.content.get(node.byte_range()).unwrap_or_default()
    }

    fn enter<'t>(&mut self, cursor: &TreeCursor<'t>, around: Frame<'t>) -> Frame<'t> {
        let node = cursor.node();
        let role = self.grammar.role(node.kind_id());
        if node.is_error() || node.is_missing() {
            self.open.iter_mut().for_each(|open| open.has_error = true);
        }
        let same = Frame { node, role, row: None, continues: false, ..around };
        let deeper = Frame { nesting: around.nesting + 1, ..same };
        let is_alternative = || cursor.field_name() == Some("alternative");
        // Grammars that have no node for `else` name the field alone.
        let is_else = around.role == Role::If && !matches!(role, Role::Else | Role::ElseIf) && is_alternative();
        if is_else && role != Role::If {
            self.flat(What::Condition, node);
        }
        match role {
            Role::Function if self.open.len() >= MAX_OPEN => Frame { role: Role::Lambda, ..deeper },
            Role::Function => {
                self.begin(node, around);
                // The outermost function is where counting begins.
                if self.open.len() == 1 { Frame { nesting: 0, ..same } } else { deeper }
            }
            Role::Lambda if !self.open.is_empty() => deeper,
            Role::If if around.continues || is_else => {
                self.flat(What::Condition, node);
                same
            }
            Role::If | Role::Ternary => {
                self.deepening(What::Condition, node, around.nesting);
                deeper
            }
            Role::Loop => {
                self.deepening(What::Loop, node, around.nesting);
                deeper
            }
            Role::Switch => {
                self.deepening(What::Switch, node, around.nesting);
                deeper
            }
            Role::Catch => {
                self.deepening(What::Catch, node, around.nesting);
                deeper
            }
            Role::Else => {
                let continues = node.named_child(0).is_some_and(|child| self.grammar.role(child.kind_id()) == Role::If);
                if !continues {
                    self.flat(What::Condition, node);
                }
                Frame { continues, ..same }
            }
            Role::ElseIf => {
                self.flat(What::Condition, node);
                same
            }
            Role::Binary | Role::AndChain => {
                let operator = node.child_by_field_name("operator").map(|operator| self.grammar.role(operator.kind_id()));
                let is_row = role == Role::AndChain || matches!(operator, Some(Role::And | Role::Or));
                if !is_row {
                    return same;
                }
                let row = around.row.unwrap_or_else(|| {
                    self.rows.push(Role::Other);
                    self.rows.len() - 1
                });
                Frame { row: Some(row), ..same }
            }
            Role::Brackets => Frame { row: around.row, ..same },
            Role::And | Role::Or => {
                if let Some(row) = around.row.filter(|_| matches!(around.role, Role::Binary | Role::AndChain))
                    && self.rows[row] != role
                {
                    self.rows[row] = role;
                    self.flat(What::Operators, node);
                }
                same
            }
            Role::Jump => {
                if self.names_label(node) {
                    self.flat(What::Jump, node);
                }
                same
            }
            Role::Call => {
                self.call(node);
                same
            }
            Role::Lambda | Role::Other => same,
        }
    }

    fn part(&mut self, part: Part) {
        if let Some(open) = self.open.last_mut() {
            open.function.parts.push(part);
        }
    }

    fn flat(&mut self, what: What, node: Node<'_>) {
        self.part(Part { what, line: line(node), points: 1, deepens: false });
    }

    fn deepening(&mut self, what: What, node: Node<'_>, nesting: u32) {
        let base = self.open.last().map_or(0, |open| open.base);
        let nesting = nesting.saturating_sub(base);
        let what = if nesting > 0 { What::Nested } else { what };
        self.part(Part { what, line: line(node), points: 1 + nesting, deepens: true });
    }

    fn begin(&mut self, node: Node<'_>, around: Frame<'_>) {
        let base = if self.open.is_empty() { 0 } else { around.nesting + 1 };
        // `const name = () => …`
        let is_named_by_it = || matches!(around.node.kind(), "variable_declarator" | "public_field_definition");
        let outer = || is_named_by_it().then(|| around.node.child_by_field_name("name")).flatten();
        let name = node.child_by_field_name("name").or_else(outer).map(|name| self.text(name)).filter(|name| name.len() <= NAME);
        let name = name.map(|name| String::from_utf8_lossy(name).into_owned());
        let line_end = u32::try_from(node.end_position().row + 1).unwrap_or(u32::MAX);
        let function = Function { name, line: line(node), line_end, parts: Vec::new() };
        self.open.push(Open { function, base, within: Vec::new(), is_recursive: false, has_error: false });
    }

    /// Whether a jump says where to: by a name that is no value.
    fn names_label(&self, node: Node<'_>) -> bool {
        node.named_child(0).is_some_and(|child| matches!(child.kind(), "label" | "label_name" | "statement_identifier" | "identifier"))
            && !(node.kind() == "break_expression" && node.named_child(0).is_some_and(|child| child.kind() == "identifier"))
    }

    /// Gives a point for the first call of the function by itself.
    fn call(&mut self, node: Node<'_>) {
        let Some(name) = self.open.last().filter(|open| !open.is_recursive).and_then(|open| open.function.name.as_deref()) else { return };
        let callee = match node.child_by_field_name("function") {
            Some(callee) => self.text(callee),
            // Java has the object apart.
            None if node.child_by_field_name("object").is_none_or(|object| object.kind() == "this") => {
                node.child_by_field_name("name").map_or(&b""[..], |name| self.text(name))
            }
            None => return,
        };
        let own = [&b"self."[..], b"this.", b"Self::"].iter().find_map(|own| callee.strip_prefix(*own)).unwrap_or(callee);
        if own == name.as_bytes() {
            self.flat(What::Recursion, node);
            self.open.last_mut().into_iter().for_each(|open| open.is_recursive = true);
        }
    }

    /// Ends what a node of this role began.
    fn leave(&mut self, role: Role) {
        if role != Role::Function {
            return;
        }
        let Some(Open { mut function, base, within, has_error, .. }) = self.open.pop() else { return };
        if function.parts.is_empty() {
            // It only holds others: they are judged by themselves.
            match self.open.last_mut() {
                Some(outer) if outer.within.is_empty() => outer.within = within,
                Some(outer) => outer.within.extend(within),
                None => self.done.extend(within.into_iter().map(|(_, function)| function)),
            }
            return;
        }
        for (inner_base, inner) in within {
            let levels = inner_base.saturating_sub(base);
            function.parts.extend(
                inner
                    .parts
                    .into_iter()
                    .map(|part| if part.deepens { Part { what: What::Nested, points: part.points + levels, ..part } } else { part }),
            );
        }
        if has_error {
            return;
        }
        match self.open.last_mut() {
            Some(outer) => outer.within.push((base, function)),
            None => self.done.push(function),
        }
    }
}
