//! The extension's declarations, generated from the message schema.
//!
//! `host/extension/src/generated/messages.ts` is committed; this fails when it drifts from
//! the definitions. `UPDATE_EXPECT=1` rewrites it.

use std::any::TypeId;
use std::collections::BTreeMap;

use expect_test::expect_file;
use nearside_channel::extension::{
    EXTENSION_PROTOCOL_VERSION, ExtensionMessage, HostEvent, MAX_PIECE, TAKEN_STEP,
};
use nearside_channel::message::{
    DeviceMessage, HostMessage, MAX_CAPTION, MAX_CAPTION_STYLES, MAX_CAPTIONS, MAX_COVERED,
    PROTOCOL_VERSION, StreamCommand,
};
use nearside_channel::wire::{HEADER_SIZE, Kind, MAX_CONTROL_BODY, MAX_STREAM_BODY};
use ts_rs::{Config, TS, TypeVisitor};

/// Collects the declarations of a type and of all that it names, by name.
struct Declarations {
    config: Config,
    by_name: BTreeMap<String, (TypeId, String)>,
}

impl TypeVisitor for Declarations {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        if T::output_path().is_none() {
            return; // built into TypeScript
        }
        let name = T::ident(&self.config);
        if let Some((seen, _)) = self.by_name.get(&name) {
            assert_eq!(*seen, TypeId::of::<T>(), "two types are named {name}");
            return;
        }
        let docs = T::docs().unwrap_or_default();
        let declaration = format!("{docs}export {}", T::decl(&self.config));
        self.by_name.insert(name, (TypeId::of::<T>(), declaration));
        T::visit_dependencies(self);
    }
}

#[test]
fn declarations_are_as_committed() {
    let config = Config::new().with_large_int("number");
    let mut declarations = Declarations { config, by_name: BTreeMap::new() };
    declarations.visit::<HostMessage>();
    declarations.visit::<DeviceMessage>();
    declarations.visit::<StreamCommand>();
    declarations.visit::<ExtensionMessage>();
    declarations.visit::<HostEvent>();

    let [control, command, media] =
        [Kind::Control, Kind::Command, Kind::Media].map(|kind| format!("{kind}: {}", kind.byte()));
    let mut file = format!(
        "// Generated from channel/src/{{message,extension,wire}}.rs. Do not edit:\n\
         // UPDATE_EXPECT=1 cargo test -p nearside-channel --test suite typescript\n\n\
         export const PROTOCOL_VERSION = {PROTOCOL_VERSION};\n\
         export const EXTENSION_PROTOCOL_VERSION = {EXTENSION_PROTOCOL_VERSION};\n\
         export const MAX_PIECE = {MAX_PIECE};\n\
         export const TAKEN_STEP = {TAKEN_STEP};\n\
         export const MAX_COVERED = {MAX_COVERED};\n\
         export const MAX_CAPTION = {MAX_CAPTION};\n\
         export const MAX_CAPTIONS = {MAX_CAPTIONS};\n\
         export const MAX_CAPTION_STYLES = {MAX_CAPTION_STYLES};\n\
         export const HEADER_SIZE = {HEADER_SIZE};\n\
         export const MAX_CONTROL_BODY = {MAX_CONTROL_BODY};\n\
         export const MAX_STREAM_BODY = {MAX_STREAM_BODY};\n\
         export const KIND = {{ {control}, {command}, {media} }} as const;\n"
    );
    for (_, declaration) in declarations.by_name.values() {
        file.push('\n');
        for line in declaration.lines() {
            file.push_str(line.trim_end());
            file.push('\n');
        }
    }
    assert!(!file.contains("bigint"), "JSON has no bigint");
    expect_file!["../../../host/extension/src/generated/messages.ts"].assert_eq(&file);
}
