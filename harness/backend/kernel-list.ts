/** A kernel that a TensorFlow library has registered for an op. */
export interface Kernel {
  /** Device type such as `CPU` or `GPU`; `DEFAULT` serves every device that has no kernel of its own. */
  readonly device: string;
  /**
   * Type numbers that the kernel takes, by the attribute of the op. An attribute that is absent takes any.
   * Constraints of attributes that are not types are left out: the model leaves those attributes at their
   * defaults.
   */
  readonly allowedTypes: ReadonlyMap<string, readonly number[]>;
}

/** Decodes a serialized `tensorflow.KernelList` (`tensorflow/core/framework/kernel_def.proto`). */
export function decodeKernelList(bytes: Uint8Array): Kernel[] {
  return bytesAt(bytes, 1).map((kernel) => ({
    device: textAt(kernel, 2),
    allowedTypes: new Map(
      bytesAt(kernel, 3)
        .map((constraint) => [textAt(constraint, 1), allowedTypes(constraint)] as const)
        .filter(([, types]) => types.length > 0),
    ),
  }));
}

/** The types of an `AttrConstraint`: a packed list in `allowed_values.list.type`. */
function allowedTypes(constraint: Uint8Array): number[] {
  const lists = bytesAt(constraint, 2).flatMap((value) => bytesAt(value, 1));
  return lists.flatMap((list) => bytesAt(list, 6)).flatMap(varints);
}

function textAt(message: Uint8Array, field: number): string {
  return new TextDecoder().decode(bytesAt(message, field)[0]);
}

const varintWire = 0;
const bytesWire = 2;

/**
 * Returns the values of a field of a protocol buffer that holds bytes, text or a message. Throws a
 * `RangeError` for wire types that the messages here do not have.
 */
function bytesAt(message: Uint8Array, field: number): Uint8Array[] {
  const values: Uint8Array[] = [];
  let position = 0;
  const next = (): number => {
    const { value, end } = varintAt(message, position);
    position = end;
    return value;
  };
  while (position < message.length) {
    const tag = next();
    const wire = tag % 8;
    const length = next();
    if (wire === varintWire) continue;
    if (wire !== bytesWire) throw new RangeError(`wire type ${wire} in a list of kernels`);
    if (Math.floor(tag / 8) === field) values.push(message.subarray(position, position + length));
    position += length;
  }
  return values;
}

function varints(packed: Uint8Array): number[] {
  const values: number[] = [];
  let position = 0;
  while (position < packed.length) {
    const { value, end } = varintAt(packed, position);
    values.push(value);
    position = end;
  }
  return values;
}

function varintAt(bytes: Uint8Array, start: number): { readonly value: number; readonly end: number } {
  let value = 0;
  let factor = 1;
  for (let position = start; position < bytes.length; position += 1) {
    const byte = bytes[position] ?? 0;
    value += (byte % 128) * factor;
    factor *= 128;
    if (byte < 128) return { value, end: position + 1 };
  }
  throw new RangeError('a list of kernels ends in the middle of a number');
}
