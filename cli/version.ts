/** The version of the package. It stands in `deno.json` too; a test holds the two together. */
export const version: string = "0.1.0";
