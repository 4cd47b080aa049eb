/**
 * Branded units: a bare number never passes for one. The constructors are the only casts.
 */

declare const unit: unique symbol;
type Unit<Name extends string> = number & { readonly [unit]: Name };

/** A span of wall or monotonic time in milliseconds (may have a fraction). */
export type Milliseconds = Unit<"ms">;
/** Milliseconds since the Unix epoch. */
export type EpochMilliseconds = Unit<"epoch-ms">;
export type Bytes = Unit<"bytes">;

export const milliseconds = (value: number): Milliseconds => value as Milliseconds;
export const seconds = (value: number): Milliseconds => (value * 1000) as Milliseconds;
export const epochMilliseconds = (value: number): EpochMilliseconds => value as EpochMilliseconds;
export const bytes = (value: number): Bytes => value as Bytes;

export const KiB = 1024;
export const MiB = 1024 * KiB;
export const GiB = 1024 * MiB;
