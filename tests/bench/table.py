"""The benchmark's numbers as Markdown. Medians over the rounds; a dash where nothing is known."""

import statistics

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
DASH = "–"


def median(runs, field):
    values = [run[field] for run in runs if run.get(field) is not None]
    return statistics.median(values) if values else None


def of_report(runs, *path):
    """The medians' input: a value deep in each run's report."""
    values = []
    for run in runs:
        value = run.get("report")
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, (int, float)):
            values.append(value)
    return values


def number(value, form="{:.1f}", scale=1.0):
    return DASH if value is None else form.format(value * scale)


def pair(ours, theirs, form="{:.1f}", scale=1.0):
    return f"{number(ours, form, scale)} / {number(theirs, form, scale)}"


def ratio(ours, theirs):
    return DASH if ours is None or not theirs else f"{ours / theirs:.2f}"


def cpu_a_picture(runs):
    """Milliseconds of CPU a picture shown, player and display server together and apart."""
    own, all_of_it = [], []
    for run in runs:
        shown = run["presented"]
        if shown > 0 and run["player_cpu_seconds"]:
            own.append(1000 * run["player_cpu_seconds"] / shown)
            everyone = sum(entry["cpu_seconds"] for entry in run["processes"].values())
            all_of_it.append(1000 * (everyone + run["display_cpu_seconds"]) / shown)
    return tuple(statistics.median(values) if values else None for values in (own, all_of_it))


def compared_rows(found):
    yield ("| file | renderer | CPU s, stage / mpv | ms CPU a picture, stage / mpv | ratio "
           "| with all processes and the display server | peak MiB, stage / mpv | ratio "
           "| dropped, stage / mpv |")  # fmt: skip
    yield "|---|---|---|---|---|---|---|---|---|"
    for item in found["compared"]:
        stage, mpv = item["runs"]["stage"], item["runs"]["mpv"]
        (own, everyone), (mpv_own, mpv_everyone) = cpu_a_picture(stage), cpu_a_picture(mpv)
        memory = [median(runs, "player_rss_peak_bytes") for runs in (stage, mpv)]
        cpu = [median(runs, "player_cpu_seconds") for runs in (stage, mpv)]
        cells = [
            f'{item["file"]} ({item["facts"]["what"]})',
            item["renderer"],
            pair(*cpu),
            pair(own, mpv_own),
            ratio(own, mpv_own),
            ratio(everyone, mpv_everyone),
            pair(*memory, "{:.0f}", 1 / 2**20),
            ratio(*memory),
            pair(median(stage, "dropped"), median(mpv, "dropped"), "{:.0f}"),
        ]
        yield "| " + " | ".join(cells) + " |"


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else None


def own_rows(found):
    """What is measured of us, by name; and the goal."""
    stage = [run for item in found["compared"] for run in item["runs"]["stage"]]
    first = of_report(stage, "video", "first_frame_ms")
    seeks = [ms for item in found["seeks"] for ms in item.get("stage") or []]
    mpv_seeks = [ms for item in found["seeks"] for ms in item.get("mpv") or []]
    ready = of_report(stage, "stage_ready_ms")
    offsets = [of_report(stage, "video", "av_offset_ms", key) for key in ("p95", "max")]
    control = of_report(stage, "channel", "control_rtt_ms", "p99")
    idle = found["idle"]
    agent, panel = idle.get("agent") or {}, idle.get("panel") or {}
    worst = lambda values: max(values, key=abs) if values else None  # noqa: E731
    mid = lambda values: statistics.median(values) if values else None  # noqa: E731

    def outside(player):
        seen = [ms for item in found["offsets"] for ms in item.get(player) or []]
        return pair(mid(seen), worst(seen))

    return [
        ("first picture after the first key frame, median", number(mid(first)) + " ms", "100 ms"),
        ("stage ready after the announcement, median", number(mid(ready)) + " ms", "200 ms"),
        ("seek while playing, median / worst",
         pair(mid(seeks), worst(seeks), "{:.0f}") + " ms", "300 ms"),
        ("the same of mpv", pair(mid(mpv_seeks), worst(mpv_seeks), "{:.0f}") + " ms", DASH),
        ("A/V offset at the sinks, worst p95 / worst",
         pair(worst(offsets[0]), worst(offsets[1])) + " ms", "30 / 60 ms"),
        ("the same seen from outside, stage: median / worst", outside("stage") + " ms", DASH),
        ("the same of mpv", outside("mpv") + " ms", DASH),
        ("control round trip while media flows, worst p99", number(worst(control)) + " ms", DASH),
        ("agent at rest", number(agent.get("cpu_percent"), "{:.2f}") + " % CPU, "
         + number(agent.get("rss_bytes"), "{:.1f}", 1e-6) + " MB", "0.00 %, 20 MB"),
        ("panel at rest", number(panel.get("cpu_percent"), "{:.2f}") + " % CPU, "
         + number(panel.get("rss_bytes"), "{:.1f}", 1e-6) + " MB", "0.00 %"),
        ("panel visible after its command", number(idle.get("panel_visible_ms"), "{:.0f}") + " ms",
         "500 ms"),
    ]  # fmt: skip


def markdown(found):
    machine = found["machine"]
    adapters = {run["report"]["renderer"].get("adapter", "?")
                for item in found["compared"] for run in item["runs"]["stage"]
                if isinstance(run.get("report", {}).get("renderer"), dict)}  # fmt: skip
    lines = [
        f'{machine["cores"]} cores of {machine["cpu"]}, {machine["system"]}, mpv {machine["mpv"]}, '
        f'window {found["window"]}, medians of {found["rounds"]} rounds'
        + (f', drawn by {"; ".join(sorted(adapters))}' if adapters else "") + ".",
        "",
        *compared_rows(found),
        "",
        "| measured | value | goal |",
        "|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in own_rows(found)),
    ]  # fmt: skip
    return "\n".join(lines)


def put_between_markers(path, table):
    with open(path) as file:
        text = file.read()
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    with open(path, "w") as file:
        file.write(f"{before}{BEGIN}\n{table}\n{END}{after}")
