use super::*;

const BROWSER: u32 = 40;
const WINDOW: Rect = Rect { x: 10, y: 10, width: 1000, height: 700 };
const PICTURE: Rect = Rect { x: 100, y: 100, width: 640, height: 360 };
const PAGE: Page<'_> = Page { processes: &[42, BROWSER, 7], title: "Clip" };

fn layout(rect: Rect) -> Layout {
    let covered = Vec::new();
    Layout { rect, clip: rect, covered, visible: true, ..Layout::default() }
}

fn window(id: u32, rect: Rect) -> Window {
    let (mapped, title) = (true, String::new());
    let (id, margins) = (WindowId(id), [0; 4]);
    Window { id, rect, margins, shape: None, mapped, floating: false, process: None, title }
}

fn browser(id: u32, rect: Rect, title: &str) -> Window {
    Window { process: Some(BROWSER), title: title.to_owned(), ..window(id, rect) }
}

fn at(x: i32, y: i32, rect: Rect) -> Rect {
    shifted(rect, (x, y))
}

/// What the device is told at first.
fn first(windows: &Windows) -> Layout {
    Picture::new(layout(PICTURE), PAGE, windows).told
}

const OVER: Rect = Rect { x: 300, y: 200, width: 50, height: 40 };

#[test]
fn only_what_lies_above_covers() {
    let clip = browser(1, WINDOW, "Clip - Chromium");
    let other = window(2, OVER);
    assert_eq!(first(&[other.clone(), clip.clone()]).covered, []);
    assert_eq!(first(&[clip.clone(), other.clone()]).covered, [OVER]);
    // Its own menus and dialogs cover, too, and hold no page, however large they are.
    let menu = Window { floating: true, ..browser(3, WINDOW, "") };
    assert_eq!(first(&[clip.clone(), menu]).covered, [PICTURE]);
    // Without a window of the browser nothing is known.
    let strange = Window { process: Some(99), ..clip };
    assert_eq!(first(&[strange, other]), layout(PICTURE));
}

#[test]
fn the_window_that_holds_the_page() {
    #[track_caller]
    fn check(windows: &Windows, expected: &[Rect]) {
        assert_eq!(first(windows).covered, expected);
    }
    let clip = browser(1, WINDOW, "Clip - Chromium");
    // The one in front, unless titles say more.
    check(&[browser(1, WINDOW, ""), browser(2, WINDOW, "")], &[]);
    check(&[clip.clone(), browser(2, WINDOW, "Mail - Chromium")], &[PICTURE]);
    check(&[clip.clone(), browser(2, WINDOW, "Clip - Chromium")], &[]);
    // The one that the picture is in.
    check(&[clip.clone(), browser(2, OVER, "Clip - Chromium")], &[OVER]);
    // A terminal that has started the browser is none; the nearest process counts.
    let terminal = Window { process: Some(7), ..window(3, WINDOW) };
    check(&[clip, terminal], &[PICTURE]);
}

#[test]
fn a_window_that_came_in_front_does_not_take_the_picture() {
    let now = Instant::now();
    let page = Page { title: "", ..PAGE };
    let clip = browser(1, WINDOW, "");
    let other = browser(2, WINDOW, "");
    let mut picture = Picture::new(layout(PICTURE), page, std::slice::from_ref(&clip));
    let both = [clip.clone(), other.clone()];
    assert_eq!(picture.look(page, &both, now).unwrap().covered, [PICTURE]);
    assert_eq!(picture.say(layout(PICTURE), page, &both, now).covered, [PICTURE]);
    assert_eq!(picture.look(page, &both, now), None, "told already");
    // Its tab goes, and comes back in the window in front.
    let hidden = Layout { visible: false, ..layout(PICTURE) };
    assert_eq!(picture.say(hidden.clone(), page, &both, now), hidden);
    assert_eq!(picture.say(layout(PICTURE), page, &both, now).covered, []);
    // Windows end.
    assert_eq!(picture.look(page, &[clip], now), None);
    assert_eq!(picture.look(page, &[], now), None);
    assert_eq!(picture.say(layout(PICTURE), page, &[], now), layout(PICTURE));
}

#[test]
fn a_picture_hides_with_its_window() {
    let now = Instant::now();
    let clip = browser(1, WINDOW, "Clip - Chromium");
    let behind = browser(2, WINDOW, "");
    let shown = [behind.clone(), clip.clone()];
    let gone = [behind, Window { mapped: false, ..clip }];
    let mut picture = Picture::new(layout(PICTURE), PAGE, &shown);
    assert!(!picture.look(PAGE, &gone, now).unwrap().visible);
    // The page has not noticed yet.
    assert!(!picture.say(layout(PICTURE), PAGE, &gone, now).visible);
    assert!(picture.look(PAGE, &shown, now).unwrap().visible);
}

#[test]
fn a_picture_moves_with_its_window() {
    let mut now = Instant::now();
    let place = |x, y| [browser(1, at(x, y, WINDOW), "Clip")];
    let mut picture = Picture::new(layout(PICTURE), PAGE, &place(0, 0));
    for step in 1..=20 {
        now += Duration::from_millis(10);
        let told = picture.look(PAGE, &place(step * 5, step), now).unwrap();
        assert_eq!(told, layout(at(step * 5, step, PICTURE)));
        // The page says where it was five steps ago.
        let late = (step - 5).max(0);
        let said = layout(at(late * 5, late, PICTURE));
        let told = picture.say(said, PAGE, &place(step * 5, step), now);
        assert_eq!(told, layout(at(step * 5, step, PICTURE)), "step {step}");
    }
    let end = place(100, 20);
    assert_eq!(picture.say(layout(at(100, 20, PICTURE)), PAGE, &end, now).rect.x, 200);
    assert_eq!(picture.deadline(), None, "the page has caught up");
    assert_eq!(picture.look(PAGE, &end, now), None);
}

#[test]
fn an_old_word_is_not_about_a_window_that_was_there_before() {
    let start = Instant::now();
    let page = Page { title: "", ..PAGE };
    let small = Rect { width: 700, height: 420, ..at(60, 60, WINDOW) };
    let place = |x, y| [browser(1, WINDOW, ""), browser(2, at(x, y, small), "")];
    let mut picture = Picture::new(layout(PICTURE), page, &place(0, 0));
    let moved = place(800, 300);
    assert_eq!(picture.look(page, &moved, start).unwrap(), layout(at(800, 300, PICTURE)));
    // The window below holds that, too.
    let told = picture.say(layout(PICTURE), page, &moved, start + ECHO / 4);
    assert_eq!(told, layout(at(800, 300, PICTURE)));
    let told = picture.say(layout(at(800, 300, PICTURE)), page, &moved, start + ECHO / 2);
    assert_eq!(told, layout(at(800, 300, PICTURE)));
}

#[test]
fn a_page_that_scrolls_as_its_window_moved_has_the_last_word() {
    let start = Instant::now();
    let place = |y| [browser(1, at(0, y, WINDOW), "Clip")];
    let mut picture = Picture::new(layout(PICTURE), PAGE, &place(0));
    picture.look(PAGE, &place(30), start).unwrap();
    assert_eq!(picture.say(layout(at(0, 30, PICTURE)), PAGE, &place(30), start).rect.y, 130);
    // Scrolled by just as much as the window had moved: taken for an old word at first.
    assert_eq!(picture.say(layout(PICTURE), PAGE, &place(30), start).rect.y, 130);
    let due = picture.deadline().unwrap();
    assert_eq!(picture.settle(&place(30), due).unwrap().rect.y, 100);
    assert_eq!(picture.deadline(), None);
    // Long after a move nothing is taken for an old word.
    let later = due + ECHO * 3;
    assert_eq!(picture.look(PAGE, &place(40), later).unwrap().rect.y, 110);
    picture.say(layout(at(0, 10, PICTURE)), PAGE, &place(40), later);
    let later = later + ECHO * 3;
    assert_eq!(picture.say(layout(PICTURE), PAGE, &place(40), later).rect.y, 100);
    assert_eq!(picture.deadline(), None);
}

#[test]
fn a_window_of_another_size_waits_for_the_page() {
    let now = Instant::now();
    let mut picture = Picture::new(layout(PICTURE), PAGE, &[browser(1, WINDOW, "Clip")]);
    let larger = [browser(1, Rect { x: 0, y: 0, width: 1100, height: 800 }, "Clip")];
    assert_eq!(picture.look(PAGE, &larger, now), None);
    let said = layout(at(3, 4, PICTURE));
    assert_eq!(picture.say(said.clone(), PAGE, &larger, now), said);
}

#[test]
fn a_page_may_be_the_first_to_know_of_a_move() {
    let window_at = |by: i32| [browser(1, at(by, by, WINDOW), "Clip - Chromium")];
    let mut picture = Picture::new(layout(PICTURE), PAGE, &window_at(0));
    let start = Instant::now();
    let ms = |ms: u64| start + Duration::from_millis(ms);
    let moved = layout(at(15, 15, PICTURE));
    assert_eq!(picture.say(moved.clone(), PAGE, &window_at(0), ms(0)), moved);
    // On its way.
    let _ = picture.look(PAGE, &window_at(7), ms(5));
    assert_eq!(picture.look(PAGE, &window_at(15), ms(10)), Some(moved));
    // One that goes the same way much later moves the picture.
    let scrolled = layout(at(15, 45, PICTURE));
    assert_eq!(picture.say(scrolled.clone(), PAGE, &window_at(15), ms(1000)), scrolled);
    let down = [browser(1, at(15, 45, WINDOW), "Clip - Chromium")];
    let carried = layout(at(15, 75, PICTURE));
    assert_eq!(picture.look(PAGE, &down, ms(2000)), Some(carried));
}

#[test]
fn pages_do_not_know_their_windows_shadow() {
    let shadowed = |margins| Window { margins, ..browser(1, WINDOW, "Clip - Chromium") };
    let check = |margins, x, y| {
        assert_eq!(first(&[shadowed(margins)]), layout(at(x, y, PICTURE)));
    };
    check([16, 10, 16, 32], 0, -16);
    check([16, 10, 16, 16], 0, 0);
    check([10, 10, 30, 20], -10, 0);
    check([u32::MAX; 4], 0, 0);
    // It fills the desktop: there is no shadow, whatever the window says yet.
    let full = Layout { fullscreen: true, ..layout(PICTURE) };
    let picture = Picture::new(full.clone(), PAGE, &[shadowed([16, 10, 16, 32])]);
    assert_eq!(*picture.told(), full);
    // At the window's lower edge the page believes to be below it.
    let low = layout(at(0, 260, PICTURE));
    let picture = Picture::new(low, PAGE, &[shadowed([16, 10, 16, 32])]);
    assert_eq!(picture.told().rect, at(0, 244, PICTURE));
}
