/* Opens a request: what it waited for and was given, in its stack and in the baseline, and the decisions about it. */
const requestTimeline = (() => {
  const { baseline, cells } = readData('timelines');
  const dialog = document.getElementById('timeline');
  const body = document.getElementById('timeline-body');
  const rowPx = 64;
  const svgNamespace = 'http://www.w3.org/2000/svg';

  const words = (us) => (us === null ? '–' : `${Number((us / 1000).toPrecision(3)).toLocaleString('en')} ms`);

  function add(parent, name, text, attributes = {}) {
    const element = document.createElement(name);
    return fill(parent, element, text, attributes);
  }

  function draw(parent, name, text, attributes) {
    return fill(parent, document.createElementNS(svgNamespace, name), text, attributes);
  }

  function fill(parent, element, text, attributes) {
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    return parent.appendChild(element);
  }

  /** The request as a cell knows it, with its events; `undefined` where the page does not tell. */
  function factsOf(stack, seed, id) {
    const cell = cells.find((one) => one.stack === stack && one.seed === seed);
    const facts = cell?.values.find((one) => one.id === id);
    return facts === undefined
      ? undefined
      : { stack, ...facts, events: cell.events.values.filter((one) => one.id === id) };
  }

  /** Stretches of a request's life; the last ends with it, or is open. */
  function stretchesOf({ scheduledUs, tokenUs, endedUs }, lastUs) {
    const marks = [0, scheduledUs, tokenUs, endedUs];
    return ['queue', 'prefill', 'decode'].flatMap((kind, index) => {
      const from = marks[index];
      if (from === null) return [];
      return [{ kind, from, to: marks[index + 1] ?? endedUs ?? lastUs }];
    });
  }

  /** When it was preempted, known where it was once: files have the time of each decision, and the sum of all pauses. */
  function pausesOf({ preemptions, preemptedUs, events }) {
    const preempts = events.filter(({ kind, isApplied }) => kind === 'preempt' && isApplied);
    if (preemptions !== 1 || preempts.length !== 1) return [];
    return [{ kind: 'preempted', from: preempts[0].atUs, to: preempts[0].atUs + preemptedUs }];
  }

  function movesOf({ events }) {
    return events
      .filter(({ kind }) => kind === 'migration')
      .map(({ atUs, tookUs }) => ({ kind: 'migrating', from: atUs, to: atUs + tookUs }));
  }

  function drawLife(svg, facts, { topPx, scale, lastUs }) {
    draw(svg, 'text', facts.stack, { x: 0, y: topPx + 12, class: 'name' });
    const bar = ({ kind, from, to }, offsetPx, heightPx) =>
      draw(svg, 'rect', undefined, {
        class: `is-${kind}`,
        x: scale(from),
        y: topPx + offsetPx,
        width: Math.max(1, scale(to) - scale(from)),
        height: heightPx,
      });
    for (const one of stretchesOf(facts, lastUs)) bar(one, 20, 18);
    for (const one of pausesOf(facts)) bar(one, 20, 18);
    for (const one of movesOf(facts)) bar(one, 40, 5);
    for (const { atUs, kind, why } of facts.events.filter((one) => one.kind !== 'migration')) {
      const x = scale(atUs);
      const mark = draw(svg, 'path', undefined, { d: `M${x},${topPx + 17}v24`, class: 'decision' });
      draw(mark, 'title', `${words(atUs)}: ${kind}: ${why}`, {});
    }
  }

  function drawAxis(svg, lastUs, scale, topPx) {
    const isNarrow = scale(lastUs) < 500;
    for (const share of isNarrow ? [0, 0.5, 1] : [0, 0.25, 0.5, 0.75, 1]) {
      const anchor = share === 0 ? 'start' : share === 1 ? 'end' : 'middle';
      const label = share === 0 ? 'arrival' : words(share * lastUs);
      draw(svg, 'text', label, { x: scale(share * lastUs), y: topPx, class: 'tick', 'text-anchor': anchor });
    }
  }

  function drawPicture(lives) {
    const ends = lives.flatMap((life) => [
      life.endedUs ?? 0,
      life.tokenUs ?? 0,
      ...life.events.map(({ atUs }) => atUs),
    ]);
    const lastUs = Math.max(1, ...ends);
    const widthPx = body.clientWidth;
    const scale = (us) => (us / lastUs) * widthPx;
    const heightPx = rowPx * lives.length + 20;
    const svg = draw(body, 'svg', undefined, {
      viewBox: `0 0 ${widthPx} ${heightPx}`,
      role: 'img',
      'aria-label': 'Timeline',
    });
    lives.forEach((facts, index) => drawLife(svg, facts, { topPx: index * rowPx, scale, lastUs }));
    drawAxis(svg, lastUs, scale, heightPx - 4);
    const legend = add(body, 'p', undefined, { class: 'legend' });
    for (const kind of ['queue', 'prefill', 'decode', 'preempted', 'migrating']) {
      add(legend, 'span', kind, { class: `is-${kind}` });
    }
    add(legend, 'span', 'decision', { class: 'is-decision' });
  }

  function describe(facts) {
    add(body, 'h3', facts.stack);
    const { preemptions, migrations } = facts;
    const parts = [
      facts.status,
      `queue ${words(facts.scheduledUs)}`,
      `TTFT ${words(facts.tokenUs)}`,
      `E2E ${words(facts.endedUs)}`,
      `${facts.prompt} prompt and ${facts.output} generated tokens`,
      ...(preemptions > 0 ? [`preempted ${preemptions} × (${words(facts.preemptedUs)})`] : []),
      ...(migrations > 0 ? [`migrated ${migrations} ×`] : []),
      ...(facts.stalledUs > 0 ? [`stalled ${words(facts.stalledUs)}`] : []),
    ];
    add(body, 'p', `${parts.join(', ')}.`, { class: 'note' });
    if (facts.events.length > 0) listEvents(facts.events);
    const numLeft = facts.numEvents - facts.events.length;
    if (numLeft > 0)
      add(body, 'p', `${numLeft} more decisions and migrations are in the cell’s files only.`, {
        class: 'note',
      });
  }

  function listEvents(events) {
    const scroll = add(body, 'div', undefined, { class: 'scroll' });
    const table = add(scroll, 'table');
    const head = add(add(table, 'thead'), 'tr');
    for (const name of ['after', 'what', 'who', 'why'])
      add(head, 'th', name, { scope: 'col', class: 'text' });
    const rows = add(table, 'tbody');
    for (const { atUs, kind, by, why, isApplied } of events) {
      const row = add(rows, 'tr');
      for (const text of [words(atUs), isApplied ? kind : `${kind} ✗`, by])
        add(row, 'td', text, { class: 'text' });
      add(row, 'td', why, { class: 'text wrap' });
    }
  }

  function open({ stack, seed, request }) {
    const own = factsOf(stack, seed, request);
    const other = stack === baseline ? undefined : factsOf(baseline, seed, request);
    const lives = [own, other].filter((life) => life !== undefined);
    document.getElementById('timeline-title').textContent = `Request ${request}, seed ${seed}`;
    body.replaceChildren();
    dialog.showModal();
    if (lives.length === 0) add(body, 'p', 'This request is in the cell’s files only.');
    else drawPicture(lives);
    for (const life of lives) describe(life);
  }

  for (const button of document.querySelectorAll('.opener')) {
    const { opens: stack, seed, request } = button.dataset;
    button.addEventListener('click', () => open({ stack, seed: Number(seed), request: Number(request) }));
  }

  return { open };
})();
