export function filesOf(id: string): string[];
export function contentOf(id: string, name: string): Uint8Array;
