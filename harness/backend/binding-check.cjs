// Loads one tfjs_binding.node and multiplies two matrices with it. It runs in a separate process, because a
// library that does not fit the machine may crash. Arguments: path of the binding, width of the matrices, number
// of timed products. Prints one line of JSON: { tensorflowVersion, usesGpu, isCorrect, gflopsPerSecond }.

const [bindingPath, widthText, repeatsText] = process.argv.slice(2);
const width = Number(widthText);
const repeats = Number(repeatsText);

const binding = require(bindingPath);

const float32 = binding.TF_FLOAT;
const attrs = [
  { name: 'transpose_a', type: binding.TF_ATTR_BOOL, value: false },
  { name: 'transpose_b', type: binding.TF_ATTR_BOOL, value: false },
  { name: 'T', type: binding.TF_ATTR_TYPE, value: float32 },
];

// Small whole numbers: their products and sums are exact in float32, whatever the order of summation.
const left = Float32Array.from({ length: width * width }, (_, i) => (i % 7) - 3);
const right = Float32Array.from({ length: width * width }, (_, i) => (i % 5) - 2);
const ids = [left, right].map((values) => binding.createTensor([width, width], float32, values));

function multiply() {
  return binding.executeOp('MatMul', attrs, ids, 1)[0].id;
}

function expected(row, column) {
  let sum = 0;
  for (let k = 0; k < width; k += 1) sum += left[row * width + k] * right[k * width + column];
  return sum;
}

const product = binding.tensorDataSync(multiply());
const positions = [0, 1, Math.floor(width / 2), width - 1];
const isCorrect = positions.every((row) =>
  positions.every((column) => product[row * width + column] === expected(row, column)),
);

const startedAt = Number(process.hrtime.bigint());
let last = -1;
for (let i = 0; i < repeats; i += 1) {
  if (last >= 0) binding.deleteTensor(last);
  last = multiply();
}
if (last >= 0) binding.tensorDataSync(last);
const elapsedNs = Number(process.hrtime.bigint()) - startedAt;
const gflopsPerSecond = repeats === 0 ? 0 : (2 * width ** 3 * repeats) / elapsedNs;

console.log(
  JSON.stringify({
    tensorflowVersion: binding.TF_Version,
    usesGpu: binding.isUsingGpuDevice(),
    isCorrect,
    gflopsPerSecond,
  }),
);
