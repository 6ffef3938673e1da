/* Draws the specs of the page; runs in the browser, after Vega, its interpreter and Vega-Lite. */
(() => {
  const narrowPx = 560;
  /** Of a subtitle, on average. */
  const characterPx = 6;
  const variables = JSON.parse(document.getElementById('colours').textContent);
  const tip = document.getElementById('tip');
  const pictures = [...document.querySelectorAll('.picture[data-chart]')];
  const views = new Map();

  /** Colours become CSS variables, so that dark mode and print restyle a picture without drawing it again. */
  function specOf(name) {
    const text = document.getElementById(`spec-${name}`).textContent;
    return JSON.parse(text, (_, value) => (Object.hasOwn(variables, value) ? variables[value] : value));
  }

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
    const spec = fit(specOf(picture.dataset.chart), picture.clientWidth);
    const compiled = vegaLite.compile(spec).spec;
    views.get(picture)?.finalize();
    const view = new vega.View(vega.parse(compiled, null, { ast: true }), {
      renderer: 'svg',
      expr: expressionInterpreter,
    });
    await view.tooltip(showTip).initialize(picture).runAsync();
    views.set(picture, view);
    picture.dataset.drawn = 'true';
  }

  async function drawAll() {
    for (const picture of pictures) {
      try {
        await draw(picture);
      } catch (error) {
        picture.textContent = `This chart could not be drawn: ${error.message}`;
        console.error(error);
      }
    }
    document.documentElement.dataset.charts = 'drawn';
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
