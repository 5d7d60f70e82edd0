//! The store and the queue under power cuts, failing disks and random histories.

mod crash;
mod faults;
mod queue_model;
mod shapes;
