// Why: asl-validator ships no types; this is the part of it that we call.
declare module 'asl-validator' {
  export default function validate(definition: unknown): { readonly isValid: boolean; readonly errorsText: (separator?: string) => string };
}
