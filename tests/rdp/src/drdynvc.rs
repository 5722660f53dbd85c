//! The server's side of dynamic virtual channels (MS-RDPEDYC), without any I/O.
//!
//! Hands pieces of messages on as they come: whoever reads them sees a stream, as behind
//! xrdp-chansrv. A channel is created when somebody asks for it and may be declined.
//!
//! ```text
//!  capabilities ──▶ ready      open ──▶ created ──▶ open ──▶ closed, by either side
//!                                          └──▶ declined
//! ```

use ironrdp_core::{
    Decode as _, Encode, EncodeResult, ReadCursor, WriteCursor, ensure_size, impl_as_any,
};
use ironrdp_dvc::pdu::{
    CapabilitiesRequestPdu, CapsVersion, ClosePdu, CreateRequestPdu, CreationStatus,
    DrdynvcClientPdu, DrdynvcDataPdu, DrdynvcServerPdu,
};
use ironrdp_dvc::{DvcEncode, DvcMessage, encode_dvc_messages};
use ironrdp_pdu::gcc::ChannelName;
use ironrdp_pdu::{PduResult, decode_err, pdu_other_err};
use ironrdp_svc::{
    ChannelFlags, CompressionCondition, SvcMessage, SvcProcessor, SvcServerProcessor,
};
use std::collections::BTreeMap;
use tokio::sync::{mpsc, oneshot};

/// Pieces from the client that wait for their reader; more hold up the client.
const ARRIVING: usize = 64;

/// A channel that the client has accepted.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) id: u32,
    /// Ends when the client or the server closes the channel.
    pub(crate) arriving: mpsc::Receiver<Vec<u8>>,
}

/// The client's `CreationStatus` when it declines.
pub(crate) type Declined = u32;

pub(crate) type Answer = oneshot::Sender<Result<Opened, Declined>>;

/// A piece, and where it goes.
pub(crate) type Arrived = (mpsc::Sender<Vec<u8>>, Vec<u8>);

#[derive(Debug)]
enum Channel {
    Waiting { name: String, answer: Answer },
    Created { answer: Answer },
    Open { arriving: mpsc::Sender<Vec<u8>> },
}

/// All dynamic channels of one connection.
#[derive(Debug, Default)]
pub(crate) struct Drdynvc {
    is_ready: bool,
    next_id: u32,
    channels: BTreeMap<u32, Channel>,
    arrived: Vec<Arrived>,
}

impl Drdynvc {
    /// Asks the client for a channel, now or as soon as it is ready.
    pub(crate) fn open(&mut self, name: String, answer: Answer) -> Vec<SvcMessage> {
        let id = self.next_id;
        self.next_id = id.wrapping_add(1);
        if self.is_ready {
            self.channels.insert(id, Channel::Created { answer });
            return vec![create(id, name)];
        }
        self.channels.insert(id, Channel::Waiting { name, answer });
        Vec::new()
    }

    /// Closes a channel, if it is there.
    pub(crate) fn close(&mut self, id: u32) -> Option<SvcMessage> {
        self.channels.remove(&id)?;
        Some(message(DrdynvcServerPdu::Close(ClosePdu::new(id))))
    }

    /// False when either side has closed it.
    pub(crate) fn is_open(&self, id: u32) -> bool {
        matches!(self.channels.get(&id), Some(Channel::Open { .. }))
    }

    /// Closes all that are open.
    pub(crate) fn close_all(&mut self) -> Vec<SvcMessage> {
        let open = |(id, channel): (&u32, &Channel)| {
            matches!(channel, Channel::Open { .. }).then_some(*id)
        };
        let ids: Vec<u32> = self.channels.iter().filter_map(open).collect();
        ids.into_iter().filter_map(|id| self.close(id)).collect()
    }

    /// What has arrived since the last call, in order.
    pub(crate) fn take_arrived(&mut self) -> Vec<Arrived> {
        std::mem::take(&mut self.arrived)
    }

    fn on_ready(&mut self) -> Vec<SvcMessage> {
        self.is_ready = true;
        let mut requests = Vec::new();
        for (id, channel) in std::mem::take(&mut self.channels) {
            let channel = match channel {
                Channel::Waiting { name, answer } => {
                    requests.push(create(id, name));
                    Channel::Created { answer }
                }
                other => other,
            };
            self.channels.insert(id, channel);
        }
        requests
    }

    fn on_created(&mut self, id: u32, status: CreationStatus) -> PduResult<()> {
        let Some(Channel::Created { answer }) = self.channels.remove(&id) else {
            return Err(pdu_other_err!("an answer to a channel that was not asked for"));
        };
        // Whoever asked may have gone: then the channel closes as soon as it says so.
        if status == CreationStatus::OK {
            let (sender, arriving) = mpsc::channel(ARRIVING);
            self.channels.insert(id, Channel::Open { arriving: sender });
            let _ = answer.send(Ok(Opened { id, arriving }));
        } else {
            let _ = answer.send(Err(status.into()));
        }
        Ok(())
    }

    fn on_data(&mut self, data: DrdynvcDataPdu) -> PduResult<()> {
        let Some(Channel::Open { arriving }) = self.channels.get(&data.channel_id()) else {
            return Ok(()); // crossed the channel's end
        };
        let bytes = match data {
            DrdynvcDataPdu::DataFirst(first) => first.into_data(),
            DrdynvcDataPdu::Data(data) => data.into_data(),
            _ => return Err(pdu_other_err!("compressed data, which was not agreed upon")),
        };
        self.arrived.push((arriving.clone(), bytes));
        Ok(())
    }
}

impl_as_any!(Drdynvc);

impl SvcProcessor for Drdynvc {
    fn channel_name(&self) -> ChannelName {
        ChannelName::from_static(b"drdynvc\0")
    }

    fn compression_condition(&self) -> CompressionCondition {
        CompressionCondition::WhenRdpDataIsCompressed
    }

    fn start(&mut self) -> PduResult<Vec<SvcMessage>> {
        let capabilities = CapabilitiesRequestPdu::new(CapsVersion::V2, None);
        Ok(vec![message(DrdynvcServerPdu::Capabilities(capabilities))])
    }

    fn process(&mut self, payload: &[u8]) -> PduResult<Vec<SvcMessage>> {
        let pdu = DrdynvcClientPdu::decode(&mut ReadCursor::new(payload));
        match pdu.map_err(|error| decode_err!(error))? {
            DrdynvcClientPdu::Capabilities(_) => return Ok(self.on_ready()),
            DrdynvcClientPdu::Create(pdu) => {
                self.on_created(pdu.channel_id(), pdu.creation_status())?;
            }
            DrdynvcClientPdu::Close(pdu) => {
                self.channels.remove(&pdu.channel_id());
            }
            DrdynvcClientPdu::Data(data) => self.on_data(data)?,
            _ => return Err(pdu_other_err!("a message that was not agreed upon")),
        }
        Ok(Vec::new())
    }
}

impl SvcServerProcessor for Drdynvc {}

fn create(id: u32, name: String) -> SvcMessage {
    message(DrdynvcServerPdu::Create(CreateRequestPdu::new(id, name)))
}

fn message(pdu: DrdynvcServerPdu) -> SvcMessage {
    SvcMessage::from(pdu).with_flags(ChannelFlags::SHOW_PROTOCOL)
}

/// One message on a dynamic channel, cut as the protocol wants. The same for both sides.
pub(crate) fn data(id: u32, bytes: Vec<u8>) -> EncodeResult<Vec<SvcMessage>> {
    encode_dvc_messages(id, vec![message_of(bytes)], ChannelFlags::SHOW_PROTOCOL)
}

/// Bytes as a message of a dynamic channel.
pub(crate) fn message_of(bytes: Vec<u8>) -> DvcMessage {
    Box::new(Raw(bytes))
}

struct Raw(Vec<u8>);

impl Encode for Raw {
    fn encode(&self, dst: &mut WriteCursor<'_>) -> EncodeResult<()> {
        ensure_size!(in: dst, size: self.0.len());
        dst.write_slice(&self.0);
        Ok(())
    }

    fn name(&self) -> &'static str {
        "raw bytes"
    }

    fn size(&self) -> usize {
        self.0.len()
    }
}

impl DvcEncode for Raw {}
