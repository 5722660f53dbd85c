//! Machines that lack something: no display, no graphics driver.

use nearside_channel::message::ReasonCode;
use nearside_tests::clips;
use nearside_tests::demo::Demo;
use nearside_tests::place::Place;

#[test]
fn without_a_display_it_says_so_and_plays_off_screen() -> anyhow::Result<()> {
    let place = Place::new()?;
    let clip = place.file("clip.mp4");
    clips::usual(&clip, 2)?;
    let outcome = Demo::with_windows(&place)?.media(&clip).run()?;
    assert!(outcome.stdout.contains("no display"), "{}", outcome.stdout);
    let video = outcome.success()?.video()?;
    assert_eq!((video.frames_decoded, video.frames_presented + video.frames_dropped), (60, 60));
    Ok(())
}

#[test]
fn the_renderer_asked_for_draws_and_is_named() -> anyhow::Result<()> {
    for name in ["vulkan", "gl"] {
        let place = Place::new()?;
        let clip = place.file("clip.mp4");
        clips::usual(&clip, 1)?;
        let outcome = Demo::new(&place)?.media(&clip).renderer(name).run()?;
        let report = outcome.success()?;
        assert_eq!(report.renderer.backend, name, "{:?}", report.renderer);
        assert!(0 < report.video()?.frames_presented);
        assert!(report.faults().is_empty(), "{name}: {:?}", report.faults());
    }
    Ok(())
}

#[test]
fn without_a_vulkan_driver_another_renderer_draws() -> anyhow::Result<()> {
    let place = Place::new()?;
    let clip = place.file("clip.mp4");
    clips::usual(&clip, 1)?;
    let outcome = Demo::new(&place)?.media(&clip).without_vulkan().run()?;
    let report = outcome.success()?;
    assert_eq!(report.renderer.backend, "gl", "{:?}", report.renderer);
    assert!(0 < report.video()?.frames_presented);
    Ok(())
}

#[test]
fn without_the_driver_that_was_asked_for_the_cause_and_the_next_step_are_said() -> anyhow::Result<()>
{
    let place = Place::new()?;
    let outcome = Demo::new(&place)?.without_vulkan().renderer("vulkan").run()?;
    let complaint = outcome.failure()?;
    assert!(complaint.contains("graphics adapter") && complaint.contains("driver"), "{complaint}");
    let report = outcome.report.as_ref().ok_or_else(|| anyhow::anyhow!("there is no report"))?;
    assert!(report.gave_up);
    let faults = report.faults();
    let [fault] = faults.as_slice() else { panic!("{faults:?}") };
    assert_eq!(fault.code, ReasonCode::Renderer);
    Ok(())
}
