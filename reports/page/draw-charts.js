/* Draws the specs of the page; runs in the browser, after Vega, its interpreter and Vega-Lite, `readData`, `stackFilter` and `requestTimeline`. */
(() => {
  const narrowPx = 560;
  /** Of a subtitle, on average. */
  const characterPx = 6;
  const tip = document.getElementById('tip');
  const pictures = [...document.querySelectorAll('.picture[data-chart]')];
  const views = new Map();

  /** Lays the spec out for the width at hand: fewer columns when narrow, plots as wide as they may be. */
  function fit(spec, availablePx) {
    const { columns, gutterPx, legendPx } = spec.usermeta;
    const isNarrow = availablePx < narrowPx;
    const numColumns = isNarrow ? 1 : columns;
    setWidth(spec, Math.max(140, Math.floor(availablePx / numColumns) - gutterPx));
    if (spec.columns !== undefined) spec.columns = numColumns;
    if (isNarrow) {
      spec.config.legend.columns =
        legendPx === undefined ? 2 : Math.max(1, Math.floor(availablePx / legendPx));
      spec.config.title.limit = availablePx - 60;
      breakSubtitles(spec, Math.floor(spec.config.title.limit / characterPx));
    }
    return spec;
  }

  /** A title that is cut off loses a word or two; a subtitle says what stands nowhere else. */
  function breakSubtitles(spec, maxCharacters) {
    const { title } = spec;
    if (typeof title?.subtitle === 'string') title.subtitle = linesOf(title.subtitle, maxCharacters);
    for (const part of spec.vconcat ?? spec.concat ?? []) breakSubtitles(part, maxCharacters);
  }

  function linesOf(text, maxCharacters) {
    const lines = [];
    for (const word of text.split(' ')) {
      const longer = `${lines.at(-1)} ${word}`;
      if (lines.length > 0 && longer.length <= maxCharacters) lines[lines.length - 1] = longer;
      else lines.push(word);
    }
    return lines;
  }

  function setWidth(spec, px) {
    if (typeof spec.width === 'number') spec.width = px;
    for (const part of spec.vconcat ?? spec.concat ?? []) setWidth(part, px);
  }

  function showTip(_handler, event, _item, value) {
    tip.hidden = value === null || value === undefined || value === '';
    if (tip.hidden) return;
    tip.textContent = Object.entries(value)
      .map(([key, shown]) => `${key}  ${shown}`)
      .join('\n');
    const { width, height } = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - width - 8))}px`;
    tip.style.top = `${Math.max(4, Math.min(event.clientY + 14, innerHeight - height - 8))}px`;
  }

  async function draw(picture) {
    const spec = stackFilter.apply(readData(`spec-${picture.dataset.chart}`));
    views.get(picture)?.finalize();
    views.delete(picture);
    if (spec === undefined) {
      picture.textContent = 'All stacks of this picture are hidden.';
      return;
    }
    const compiled = vegaLite.compile(fit(spec, picture.clientWidth)).spec;
    const view = new vega.View(vega.parse(compiled, null, { ast: true }), {
      renderer: 'svg',
      expr: expressionInterpreter,
    });
    views.set(picture, view);
    await view.tooltip(showTip).initialize(picture).runAsync();
    picture.dataset.drawn = 'true';
    markClickable(picture);
  }

  /** What Vega's renderer has put down for an element; entries of a legend have the name that they stand for. */
  const itemOf = (element) => element.__data__;

  /** Entries of a legend that stand for a stack hide it; marks that stand for a request open it. */
  function markClickable(picture) {
    for (const entry of picture.querySelectorAll('.role-legend-label text, .role-legend-symbol path')) {
      entry.classList.toggle('toggles', stackFilter.isStack(itemOf(entry)?.datum?.value));
    }
    for (const mark of picture.querySelectorAll('.mark-symbol.role-mark path')) {
      mark.classList.toggle('opens', itemOf(mark)?.datum?.request !== undefined);
    }
  }

  function onClick({ target }) {
    if (target.classList.contains('toggles')) stackFilter.toggle(itemOf(target).datum.value);
    if (target.classList.contains('opens')) requestTimeline.open(itemOf(target).datum);
  }

  let turn = 0;
  /** Draws all, unless it is asked to begin anew meanwhile; what a reader sees comes first. */
  async function drawAll() {
    turn += 1;
    const own = turn;
    for (const picture of nearestFirst()) {
      if (own !== turn) return;
      try {
        await draw(picture);
      } catch (error) {
        picture.textContent = `This chart could not be drawn: ${error.message}`;
        console.error(error);
      }
    }
    document.documentElement.dataset.charts = 'drawn';
  }

  for (const picture of pictures) picture.addEventListener('click', onClick);
  stackFilter.onChange(() => void drawAll());
  function nearestFirst() {
    const distance = new Map(
      pictures.map((picture) => {
        const { top, bottom } = picture.getBoundingClientRect();
        return [picture, Math.max(top - innerHeight, -bottom, 0)];
      }),
    );
    return pictures.toSorted((a, b) => distance.get(a) - distance.get(b));
  }

  let widthPx = innerWidth;
  let timer;
  addEventListener('resize', () => {
    if (innerWidth === widthPx || matchMedia('print').matches) return;
    widthPx = innerWidth;
    clearTimeout(timer);
    timer = setTimeout(() => void drawAll(), 200);
  });
  void drawAll();
})();
