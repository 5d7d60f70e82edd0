//! The deliveries that came in, and one of them with what it said.

use askama::Template;

use super::frame::{AdminTab, Frame};
use super::marks::Stand;
use super::{href, words};
use crate::domain::hooks::DeliveryState;
use crate::http::admin::deliveries::{DeliveryView, WholeDeliveryView};

/// The mark of a delivery that stands so.
fn stand(state: DeliveryState) -> Stand {
    match state {
        DeliveryState::Received => Stand::Waiting,
        DeliveryState::Processed => Stand::True,
        DeliveryState::Ignored => Stand::Quiet,
        DeliveryState::Failed => Stand::Fails,
    }
}

/// What is said of a state.
fn state_word(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Received => "Received",
        DeliveryState::Processed => "Processed",
        DeliveryState::Ignored => "Ignored",
        DeliveryState::Failed => "Failed",
    }
}

/// The list.
#[derive(Debug, Template)]
#[template(path = "admin/deliveries.html", config = ".askama.toml")]
pub struct DeliveriesPage {
    /// The request.
    pub frame: Frame,
    /// In which state alone.
    pub state: Option<DeliveryState>,
    /// About what alone.
    pub event: Option<String>,
    /// The deliveries of this page, latest first.
    pub deliveries: Vec<DeliveryView>,
    /// Where the next page is.
    pub next: Option<String>,
}

impl DeliveriesPage {
    fn tab(&self) -> AdminTab {
        AdminTab::Deliveries
    }

    /// The choices: all, and each state.
    fn states(&self) -> Vec<(Option<DeliveryState>, &'static str)> {
        let all = std::iter::once((None, "All"));
        all.chain(DeliveryState::ALL.iter().map(|state| (Some(*state), state_word(*state)))).collect()
    }

    fn at(&self, state: &Option<DeliveryState>) -> String {
        href::deliveries(*state, self.event.as_deref())
    }

    fn in_all_events(&self) -> String {
        href::deliveries(self.state, None)
    }

    fn stand(&self, delivery: &DeliveryView) -> Stand {
        stand(delivery.state)
    }

    fn tries(&self, delivery: &DeliveryView) -> u64 {
        delivery.tries.into()
    }
}

/// One of them.
#[derive(Debug, Template)]
#[template(path = "admin/delivery.html", config = ".askama.toml")]
pub struct DeliveryPage {
    /// The request.
    pub frame: Frame,
    /// The delivery.
    pub view: WholeDeliveryView,
}

impl DeliveryPage {
    fn tab(&self) -> AdminTab {
        AdminTab::Deliveries
    }

    fn stand(&self) -> Stand {
        stand(self.view.delivery.state)
    }

    fn state_word(&self) -> &'static str {
        state_word(self.view.delivery.state)
    }

    fn tries(&self) -> u64 {
        self.view.delivery.tries.into()
    }

    fn may_be_replayed(&self) -> bool {
        self.view.delivery.state != DeliveryState::Received
    }

    /// What it said, a line for each part.
    fn payload(&self) -> Option<String> {
        self.view.payload.as_ref().map(|payload| format!("{payload:#}"))
    }
}
