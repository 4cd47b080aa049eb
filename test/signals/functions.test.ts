import { describe, expect, it } from "vitest";
import { packageOf, siteOf } from "../../src/analysis/functions.ts";
import { Names, cutText } from "../../src/signals/names.ts";
import { RequestMark, markStack } from "../../src/analysis/requests.ts";

describe("a function's name", () => {
  it.each([
    ["net/http.(*conn).serve", "net/http"],
    ["main.main", "main"],
    ["github.com/a/b.c/d.F", "github.com/a/b.c/d"],
    ["gopkg.in/yaml%2ev3.Unmarshal", "gopkg.in/yaml%2ev3"],
    ["main.Map[go.shape.string,github.com/x/y.T].Get", "main"],
    ["internal/sync.(*HashTrieMap[...]).Load", "internal/sync"],
    ["example.com/shop.(*Cart[example.com/shop/item.Item]).Add.func1", "example.com/shop"],
  ])("%s is of package %s", (name, expected) => {
    expect(packageOf(name)).toBe(expected);
  });

  it("is what waits there, past the plumbing", () => {
    expect(siteOf(["runtime.chanrecv1", "main.worker"])).toBe("main.worker");
    expect(siteOf(["sync.(*Mutex).Lock", "main.(*Cart).Add", "main.checkout"])).toBe("main.(*Cart).Add");
    expect(siteOf(["syscall.write", "internal/poll.(*FD).Write", "os.(*File).Write", "main.log"])).toBe(
      "main.log",
    );
    expect(siteOf(["runtime.gopark", "runtime.bgsweep"])).toBe("runtime.bgsweep");
    expect(siteOf([])).toBeUndefined();
  });
});

describe("a stack of a server", () => {
  const serve = "net/http.(*conn).serve";
  it("waits for the next request", () => {
    expect(markStack(["net.(*conn).Read", "bufio.(*Reader).Peek", serve]).mark).toBe(RequestMark.idle);
    expect(
      markStack(["bufio.(*Reader).Peek", "net/http.readRequest", "net/http.(*conn).readRequest", serve]).mark,
    ).toBe(RequestMark.idle);
  });

  it("names the handler behind routers and wrappers", () => {
    const under = ["net/http.HandlerFunc.ServeHTTP", "net/http.serverHandler.ServeHTTP", serve];
    expect(markStack(["time.Sleep", "main.checkout", ...under])).toEqual({
      mark: RequestMark.handler,
      request: "main.checkout",
    });
    expect(
      markStack(["main.(*API).Pay", "github.com/go-chi/chi/v5.(*Mux).routeHTTP", ...under]).request,
    ).toBe("main.(*API).Pay");
    expect(markStack(["runtime.gopark", "net/http.(*ServeMux).ServeHTTP", ...under]).mark).toBe(
      RequestMark.serving,
    );
  });

  it("is the goroutine's own with HTTP/2 and gRPC", () => {
    const grpc = "google.golang.org/grpc.(*Server).serveStreams.func2.1";
    expect(
      markStack(["main.(*server).Pay", "google.golang.org/grpc.(*Server).processUnaryRPC", grpc]),
    ).toEqual({
      mark: RequestMark.handler,
      request: "main.(*server).Pay",
    });
    // Around the generated function's call lie the interceptors, which are the same for all methods.
    const stream = ["main.(*shop).Watch", "shop/pb._Shop_Watch_Handler", "main.logged", grpc];
    expect(markStack(stream).request).toBe("shop/pb._Shop_Watch_Handler");
    expect(markStack([grpc]).mark).toBe(RequestMark.serving);
    expect(markStack(["net/http.(*http2serverConn).runHandler"]).mark).toBe(RequestMark.serving);
    expect(markStack(["golang.org/x/net/http2.(*serverConn).runHandler"]).mark).toBe(RequestMark.serving);
  });

  it("is nothing elsewhere", () => {
    expect(markStack(["main.work", "main.main"]).mark).toBe(RequestMark.none);
    expect(markStack(["net/http.(*connReader).backgroundRead"]).mark).toBe(RequestMark.none);
    expect(markStack([]).mark).toBe(RequestMark.none);
  });
});

describe("names", () => {
  it("are cut with a mark, never in the middle of a character", () => {
    expect(cutText("abc", 3)).toBe("abc");
    expect(cutText("abcd", 3)).toBe("ab…");
    expect(cutText("a😀bc", 3)).toBe("a…");
  });

  it("beyond the limit are (other), until unused ones are forgotten", () => {
    const names = new Names(4, 20);
    const [a, b] = [names.id("a"), names.id("b")];
    expect(names.text(names.id("c"))).toBe("(other)");
    const live = new Uint8Array(names.count);
    live[b] = 1;
    const renumbered = names.compact(live);
    expect(names.text(renumbered[b]!)).toBe("b");
    expect(names.text(renumbered[a]!)).toBe("unknown");
    expect(names.text(names.id("c"))).toBe("c");
  });
});
