//! The graphics device: opened on one backend, shared by the renderers of a process.
//!
//! Nothing here panics on a driver's account: errors that wgpu reports out of band (a lost
//! device, a failed validation, memory) are kept and returned by the next [`Gpu::check`].

use std::fmt::Debug;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use wgpu::rwh::HasDisplayHandle;

use super::RenderError;

/// Longest wait for work that is already submitted; a device that needs longer hangs.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// Which graphics interface to open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BackendChoice {
    /// The platform's own first (Vulkan, DirectX 12 or Metal), then OpenGL.
    #[default]
    Auto,
    Vulkan,
    Gl,
}

impl BackendChoice {
    /// One at a time, because each costs start-up time and memory.
    fn in_order(self) -> &'static [wgpu::Backends] {
        match self {
            Self::Vulkan => &[wgpu::Backends::VULKAN],
            Self::Gl => &[wgpu::Backends::GL],
            Self::Auto if cfg!(windows) => {
                &[wgpu::Backends::DX12, wgpu::Backends::VULKAN, wgpu::Backends::GL]
            }
            Self::Auto if cfg!(target_os = "macos") => &[wgpu::Backends::METAL],
            Self::Auto => &[wgpu::Backends::VULKAN, wgpu::Backends::GL],
        }
    }
}

/// What was opened, for reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdapterFacts {
    /// `vulkan`, `gl`, `dx12` or `metal`.
    pub backend: &'static str,
    pub adapter: String,
    /// Pixels are computed by the CPU.
    pub software: bool,
}

/// An open device. Cheap to clone; every clone is the same device.
#[derive(Clone, Debug)]
pub struct Gpu {
    instance: wgpu::Instance,
    adapter: wgpu::Adapter,
    device: wgpu::Device,
    queue: wgpu::Queue,
    facts: AdapterFacts,
    faults: Arc<Mutex<Option<Fault>>>,
}

/// The first thing that went wrong out of band. A lost device wins over everything.
#[derive(Clone, Debug)]
enum Fault {
    Lost(String),
    Refused(String),
}

impl Gpu {
    /// Opens a device that renders off-screen.
    ///
    /// # Errors
    /// [`RenderError::NoAdapter`] with what each backend said.
    pub fn open(choice: BackendChoice) -> Result<Self, RenderError> {
        Self::first_of(choice, |backends| {
            let instance =
                instance(wgpu::InstanceDescriptor::new_without_display_handle(), backends);
            Ok((Self::on_instance(instance, None)?, ()))
        })
        .map(|(gpu, ())| gpu)
    }

    /// Opens a device that presents to `window`, and the window's surface.
    ///
    /// # Errors
    /// [`RenderError::NoAdapter`] with what each backend said.
    pub fn open_window<D, W>(
        choice: BackendChoice,
        display: &D,
        window: &W,
    ) -> Result<(Self, wgpu::Surface<'static>), RenderError>
    where
        D: HasDisplayHandle + Debug + Clone + Send + Sync + 'static,
        W: Into<wgpu::SurfaceTarget<'static>> + Clone,
    {
        Self::first_of(choice, |backends| {
            let display = Box::new(display.clone());
            let descriptor = wgpu::InstanceDescriptor::new_with_display_handle(display);
            let instance = instance(descriptor, backends);
            let surface =
                instance.create_surface(window.clone()).map_err(|error| error.to_string())?;
            Ok((Self::on_instance(instance, Some(&surface))?, surface))
        })
    }

    fn first_of<T>(
        choice: BackendChoice,
        open: impl Fn(wgpu::Backends) -> Result<T, String>,
    ) -> Result<T, RenderError> {
        let mut reasons = Vec::new();
        for &backends in choice.in_order() {
            match open(backends) {
                Ok(opened) => return Ok(opened),
                Err(reason) => reasons.push(format!("{backends:?}: {reason}")),
            }
        }
        Err(RenderError::NoAdapter { reasons: reasons.join("; ") })
    }

    fn on_instance(
        instance: wgpu::Instance,
        surface: Option<&wgpu::Surface<'_>>,
    ) -> Result<Self, String> {
        let options =
            wgpu::RequestAdapterOptions { compatible_surface: surface, ..Default::default() };
        let adapter =
            ready(instance.request_adapter(&options))?.map_err(|error| error.to_string())?;
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("media"),
            required_limits: adapter.limits(),
            memory_hints: wgpu::MemoryHints::MemoryUsage,
            ..Default::default()
        };
        let (device, queue) =
            ready(adapter.request_device(&descriptor))?.map_err(|error| error.to_string())?;

        let faults = Arc::new(Mutex::new(None));
        let lost = Arc::clone(&faults);
        device.set_device_lost_callback(move |reason, message| {
            if reason != wgpu::DeviceLostReason::Destroyed {
                note(&lost, Fault::Lost(message));
            }
        });
        let refused = Arc::clone(&faults);
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            note(&refused, Fault::Refused(error.to_string()));
        }));

        let info = adapter.get_info();
        let facts = AdapterFacts {
            backend: info.backend.to_str(),
            adapter: info.name,
            software: info.device_type == wgpu::DeviceType::Cpu,
        };
        tracing::info!(backend = facts.backend, adapter = facts.adapter, "Opened graphics device");
        Ok(Self { instance, adapter, device, queue, facts, faults })
    }

    #[must_use]
    pub fn facts(&self) -> &AdapterFacts {
        &self.facts
    }

    #[must_use]
    pub fn instance(&self) -> &wgpu::Instance {
        &self.instance
    }

    #[must_use]
    pub fn adapter(&self) -> &wgpu::Adapter {
        &self.adapter
    }

    #[must_use]
    pub fn device(&self) -> &wgpu::Device {
        &self.device
    }

    #[must_use]
    pub fn queue(&self) -> &wgpu::Queue {
        &self.queue
    }

    /// Longest side of a texture, in pixels.
    #[must_use]
    pub fn max_side_px(&self) -> u32 {
        self.device.limits().max_texture_dimension_2d
    }

    /// How to configure `surface` for a [`Renderer`](super::Renderer): a format that takes
    /// gamma-encoded values as they are, direct copies where the surface allows them, and whole
    /// pictures only (no tearing).
    ///
    /// # Errors
    /// [`RenderError::Surface`] when the adapter cannot present to it.
    pub fn surface_configuration(
        &self,
        surface: &wgpu::Surface<'_>,
        width: u32,
        height: u32,
    ) -> Result<wgpu::SurfaceConfiguration, RenderError> {
        let mut configuration = surface
            .get_default_config(&self.adapter, width.max(1), height.max(1))
            .ok_or_else(|| RenderError::Surface("the adapter cannot present to it".to_owned()))?;
        let capabilities = surface.get_capabilities(&self.adapter);
        let plain = [wgpu::TextureFormat::Bgra8Unorm, wgpu::TextureFormat::Rgba8Unorm];
        if let Some(format) = plain.into_iter().find(|it| capabilities.formats.contains(it)) {
            configuration.format = format;
        }
        configuration.usage |= capabilities.usages & wgpu::TextureUsages::COPY_DST;
        configuration.present_mode = wgpu::PresentMode::AutoVsync;
        configuration.desired_maximum_frame_latency = 1;
        Ok(configuration)
    }

    /// What went wrong since the last call, if anything did. A lost device stays lost.
    ///
    /// # Errors
    /// [`RenderError::DeviceLost`]: open a new [`Gpu`]. [`RenderError::Refused`]: this picture
    /// is lost, the device lives.
    pub fn check(&self) -> Result<(), RenderError> {
        let mut fault = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        match fault.clone() {
            None => Ok(()),
            Some(Fault::Lost(reason)) => Err(RenderError::DeviceLost(reason)),
            Some(Fault::Refused(reason)) => {
                *fault = None;
                Err(RenderError::Refused(reason))
            }
        }
    }

    /// Waits until everything submitted so far is done and its callbacks have run.
    ///
    /// # Errors
    /// [`RenderError::DeviceLost`] when that takes longer than a few seconds.
    pub(super) fn wait(&self) -> Result<(), RenderError> {
        let poll = wgpu::PollType::Wait { submission_index: None, timeout: Some(ANSWER_LIMIT) };
        match self.device.poll(poll) {
            Ok(_) => self.check(),
            Err(error) => Err(RenderError::DeviceLost(error.to_string())),
        }
    }

    /// Runs the callbacks of what is done already.
    pub(super) fn poll(&self) -> Result<(), RenderError> {
        match self.device.poll(wgpu::PollType::Poll) {
            Ok(_) => self.check(),
            Err(error) => Err(RenderError::DeviceLost(error.to_string())),
        }
    }
}

fn instance(mut descriptor: wgpu::InstanceDescriptor, backends: wgpu::Backends) -> wgpu::Instance {
    descriptor.backends = backends;
    wgpu::Instance::new(descriptor)
}

fn note(faults: &Mutex<Option<Fault>>, fault: Fault) {
    let mut first = faults.lock().unwrap_or_else(PoisonError::into_inner);
    if first.is_none() || matches!(fault, Fault::Lost(_)) {
        *first = Some(fault);
    }
}

/// wgpu's futures are ready at once on every native backend; only browsers wait.
fn ready<T>(future: impl Future<Output = T>) -> Result<T, String> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Ok(value),
        Poll::Pending => Err("the backend did not answer at once".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_call_is_an_error_once_and_the_device_lives() {
        let gpu = Gpu::open(BackendChoice::Auto).expect("an adapter");
        let side = gpu.max_side_px() + 1;
        let _refused = gpu.device.create_texture(&wgpu::TextureDescriptor {
            label: None,
            size: wgpu::Extent3d { width: side, height: 1, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: wgpu::TextureFormat::R8Uint,
            usage: wgpu::TextureUsages::COPY_DST,
            view_formats: &[],
        });
        assert!(matches!(gpu.check(), Err(RenderError::Refused(_))));
        assert_eq!(gpu.check(), Ok(()));
    }

    #[test]
    fn a_lost_device_stays_lost() {
        let faults = Mutex::new(None);
        note(&faults, Fault::Refused("first".to_owned()));
        note(&faults, Fault::Lost("gone".to_owned()));
        note(&faults, Fault::Refused("after".to_owned()));
        let kept = faults.into_inner().unwrap();
        assert!(matches!(kept, Some(Fault::Lost(reason)) if reason == "gone"));
    }
}
