/* Hides stacks: rows and columns of tables, rows, panels and legend entries of charts. Runs before the drawing. */
const stackFilter = (() => {
  const hidden = new Set();
  const bar = document.getElementById('filter');
  const chips = [...document.querySelectorAll('#filter [data-chip]')];
  const listeners = [];

  /** A name that Vega would mistake ends in an invisible space in specs (see `frame.ts`). */
  const plain = (name) => name?.replace(/\u200b$/, '');
  const isHidden = (name) => hidden.has(plain(name));

  /** The spec without what belongs to hidden stacks; `undefined` where nothing is left. Changes the spec that it is given. */
  function apply(spec) {
    if (hidden.size === 0) return spec;
    const key = spec.vconcat === undefined ? 'concat' : 'vconcat';
    const panels = spec[key];
    const left = panels.filter(
      (panel, index) => !isHidden(spec.usermeta.stacks?.[index]) && hasRowsLeft(panel),
    );
    if (left.length === 0) return undefined;
    const gone = panels.filter((panel) => !left.includes(panel));
    if (gone.includes(panels.at(-1))) moveTimeAxis(panels.at(-1), left.at(-1));
    for (const panel of gone) moveLegends(panel, left);
    spec[key] = left;
    return spec;
  }

  /** Drops the rows of hidden stacks, and says whether any row of a stack is left, or the panel never had any. */
  function hasRowsLeft(panel) {
    const count = { before: 0, after: 0 };
    filterRows(panel, count);
    return count.before === 0 || count.after > 0;
  }

  function filterRows(part, count) {
    if (typeof part !== 'object' || part === null) return;
    if (part.field === 'stack' && Array.isArray(part.scale?.domain)) filterScale(part.scale);
    for (const [key, value] of Object.entries(part)) {
      if (key !== 'values' || !Array.isArray(value)) filterRows(value, count);
      else part.values = rowsLeft(value, count);
    }
  }

  function rowsLeft(rows, count) {
    if (rows[0]?.stack === undefined) return rows;
    const left = rows.filter(({ stack }) => !isHidden(stack));
    count.before += rows.length;
    count.after += left.length;
    return left;
  }

  /** Looks keep their stacks. */
  function filterScale(scale) {
    const shown = scale.domain.map((name) => !isHidden(name));
    if (Array.isArray(scale.range)) scale.range = scale.range.filter((_, index) => shown[index]);
    scale.domain = scale.domain.filter((_, index) => shown[index]);
  }

  const layersOf = (panel) => panel.layer.filter(({ encoding }) => encoding !== undefined);

  /** Only the lowest panel writes the axis of time. */
  function moveTimeAxis(from, to) {
    const axis = layersOf(from).find(({ encoding }) => encoding.x?.axis !== undefined)?.encoding.x.axis;
    if (axis === undefined) return;
    for (const { encoding } of layersOf(to)) if (encoding.x !== undefined) encoding.x.axis = axis;
  }

  /** A legend that stood in a panel that goes is shown by the next that has what it explains. */
  function moveLegends(from, left) {
    for (const { encoding } of layersOf(from)) {
      for (const [channel, { field, legend }] of Object.entries(encoding)) {
        if (!legend || field === undefined) continue;
        const order = legend.orient === 'bottom' ? left.toReversed() : left;
        const heirs = order.flatMap(layersOf).map((layer) => layer.encoding[channel]);
        const heir = heirs.find((definition) => definition?.field === field);
        if (heir !== undefined) heir.legend ??= legend;
      }
    }
  }

  function toggle(text) {
    const name = plain(text);
    if (!hidden.delete(name)) hidden.add(name);
    show();
  }

  /** The head of a column stands for all of it. */
  function columnOf(head) {
    return [...head.closest('table').rows].map((row) => row.cells[head.cellIndex]);
  }

  function show() {
    for (const element of document.querySelectorAll('[data-stack]')) {
      for (const cell of element.scope === 'col' ? columnOf(element) : [element]) {
        cell.hidden = isHidden(element.dataset.stack);
      }
    }
    for (const chip of chips) chip.setAttribute('aria-pressed', String(!isHidden(chip.dataset.chip)));
    document.getElementById('show-all').hidden = hidden.size === 0;
    for (const listener of listeners) listener();
  }

  if (bar !== null) {
    bar.hidden = false;
    for (const chip of chips) chip.addEventListener('click', () => toggle(chip.dataset.chip));
    document.getElementById('show-all').addEventListener('click', () => {
      hidden.clear();
      show();
    });
  }

  return {
    apply,
    toggle,
    isStack: (name) => chips.some(({ dataset }) => dataset.chip === plain(name)),
    onChange: (listener) => listeners.push(listener),
  };
})();
