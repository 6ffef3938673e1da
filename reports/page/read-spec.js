/* The specs of the page as Vega-Lite takes them; runs first of the page's own scripts. */
const readSpec = (() => {
  const variables = JSON.parse(document.getElementById('colours').textContent);

  /** Rows again, from the columns that `pack-rows.ts` made of them. */
  function rowsOf({ packed, columns }) {
    const values = columns.map((column) =>
      Array.isArray(column) ? column : column.at.map((at) => column.of[at]),
    );
    return values[0].map((_, row) =>
      Object.fromEntries(packed.map((name, index) => [name, values[index][row]])),
    );
  }

  /** Colours become CSS variables, so that dark mode and print restyle a picture without drawing it again. */
  function revive(_, value) {
    if (typeof value === 'string' && Object.hasOwn(variables, value)) return variables[value];
    return Array.isArray(value?.packed) ? rowsOf(value) : value;
  }

  return (name) => JSON.parse(document.getElementById(`spec-${name}`).textContent, revive);
})();
