import { refusal } from "../internal/mod.ts";
import { randomBytes } from "./_random.ts";
import { pageScript } from "./_page_script.ts";
import { pageStyle } from "./_page_style.ts";

/** Options of {@linkcode tapPage}. */
export interface TapPageOptions {
  /**
   * The address of the tap, as seen from the page. At `/admin/` the default means `/admin/tap`; at `/admin`, which ends in no slash, it means
   * `/tap`, as with any link. An address of another origin, such as `https://api.example.org/tap`, needs the origin of the page among the
   * `origins` of {@linkcode TapHandlerOptions}.
   *
   * @default {"./tap"}
   */
  readonly tap?: string | undefined;
  /**
   * What stands above the page, and on its tab.
   *
   * @default {"Tap"}
   */
  readonly title?: string | undefined;
}

const CREATE = "create tap page";

/** Stands for the page's own origin, which is that of whoever opens it. */
const PAGE_ORIGIN = "http://page.invalid";

/**
 * Makes a handler that answers with a page on which a tap can be watched.
 *
 * The page shows the events and what the tap says of them, lets them be paused, filtered, cleared and saved as lines of JSON, and comes
 * back by itself after a cut. It opens a session only when somebody asks it to, and holds at the most 1,000 events. A token that is typed in
 * goes nowhere but to the tap, and is forgotten with the page.
 *
 * It is one document that loads nothing else, and has nothing secret in it: whoever may not watch the tap may still see the empty page. Its
 * policy lets it run its own script, speak to the tap, and nothing else, and lets no other page frame it. Events become text, never markup.
 *
 * `GET` is answered with the page, each other method with 405.
 *
 * @param options Where the tap is.
 * @returns The handler.
 * @throws {TypeError} If `tap` is no address of a tap that a page could name: a relative one, or one of `http:` or `https:` whose host is a
 * name or an IPv4 address, without a password, a query and a fragment; or if `title` is no text.
 *
 * @example Serving the page beside its tap
 * ```ts
 * import { Tap, tapHandler, tapPage } from "@weir/weir/tap";
 * import { assertEquals } from "@std/assert";
 *
 * const page = tapPage({ title: "Orders" });
 * const tap = tapHandler(new Tap());
 * function handler(request: Request, peer?: unknown): Response | Promise<Response> {
 *   return new URL(request.url).pathname === "/" ? page(request) : tap(request, peer);
 * }
 *
 * const response = await handler(new Request("http://localhost/"));
 * assertEquals(response.headers.get("content-type"), "text/html; charset=utf-8");
 * ```
 */
export function tapPage(options: TapPageOptions = {}): (request: Request) => Response {
  const { tap = "./tap", title = "Tap" } = options;
  const origin = originOf(tap);
  if (typeof title !== "string") {
    throw new TypeError(refusal(CREATE, "title must be a text", title));
  }
  const script = `const config = ${scriptJson({ tap, title })};\n${pageScript()}`;
  const style = pageStyle();
  const connect = origin === PAGE_ORIGIN ? "'self'" : `'self' ${origin}`;
  return function answerTapPage(request: Request): Response {
    if (request.method !== "GET") {
      return new Response(
        `Cannot show tap page: method must be GET, received "${request.method}"\n`,
        {
          status: 405,
          headers: { ...HEADERS, "content-type": "text/plain; charset=utf-8", "allow": "GET" },
        },
      );
    }
    const nonce = makeNonce();
    return new Response(makeDocument(nonce, style, script), {
      headers: {
        ...HEADERS,
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": makePolicy(nonce, connect),
      },
    });
  };
}

const HEADERS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

/**
 * Where the page is to connect to. The origin ends up in a header, so what would mean something else there is no host; nor is a
 * number in brackets, which policies have no word for.
 */
function originOf(tap: string): string {
  const isAddress = typeof tap === "string" && URL.canParse(tap, PAGE_ORIGIN);
  const url = isAddress ? new URL(tap, PAGE_ORIGIN) : undefined;
  const isUsable = url !== undefined && /^https?:\/\/[a-z\d.-]+(?::\d+)?$/.test(url.origin) &&
    /^https?:$/.test(url.protocol) && url.username + url.password + url.search + url.hash === "";
  if (!isUsable) {
    throw new TypeError(
      refusal(CREATE, 'tap must look like "./tap" or "https://example.org/tap"', tap),
    );
  }
  return url.origin;
}

function makeNonce(): string {
  return btoa(String.fromCharCode(...randomBytes(18)));
}

function makePolicy(nonce: string, connect: string): string {
  return [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src 'nonce-${nonce}'`,
    `connect-src ${connect}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ].join("; ");
}

/** Writes JSON so that it ends no script, opens no comment in one, and has no line ends in it. */
function scriptJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function makeDocument(nonce: string, style: string, script: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Tap</title>
<style nonce="${nonce}">${style}</style>
<header>
<h1 id="title">Tap</h1>
<span id="badge" role="status" hidden></span>
<span id="counts"></span>
</header>
<form id="form">
<label>Token <input id="token" type="password" autocomplete="off" pattern="[!-~]*"></label>
<label>Stage <input name="stage"></label>
<label>Where <input name="where" placeholder="level == error"></label>
<label>Fields <input name="fields"></label>
<label>Sample <input name="sample" type="number" min="0" max="1" step="any"></label>
<label>Duration <input name="duration" placeholder="30s"></label>
</form>
<div class="bar">
<button id="start" form="form">Start</button>
<button id="stop" disabled>Stop</button>
<button id="pause">Pause</button>
<button id="clear">Clear</button>
<button id="save">Save</button>
<label>Filter <input id="filter" type="search"></label>
</div>
<p role="status"><b id="state"></b> <span id="why"></span></p>
<p id="hello"></p>
<ol id="list" tabindex="0" aria-label="Events"></ol>
<script type="module" nonce="${nonce}">${script}</script>
`;
}
