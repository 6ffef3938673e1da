/* The data of the page: specs as Vega-Lite takes them, and all else that `pack-rows.ts` has packed; runs first of the page's own scripts. */
const readData = (() => {
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

  return (id) => JSON.parse(document.getElementById(id).textContent, revive);
})();
