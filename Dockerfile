# The agent as a container: non-root, no shell needed, a read-only root file system works.
#   docker build -t gorewind .
#   docker run --rm -v ./gorewind.yaml:/etc/gorewind/gorewind.yaml:ro -v spool:/var/lib/gorewind gorewind

FROM node:24-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build && npm prune --omit=dev

FROM gcr.io/distroless/nodejs24-debian12:nonroot
LABEL org.opencontainers.image.title="gorewind" \
      org.opencontainers.image.description="Flight recorder for Go services" \
      org.opencontainers.image.licenses="Apache-2.0"
WORKDIR /app
COPY --from=build /build/package.json ./
COPY --from=build /build/node_modules ./node_modules
COPY --from=build /build/dist ./dist
COPY bin ./bin
COPY config/gorewind.yaml /etc/gorewind/gorewind.yaml
# glibc's malloc keeps a heap for each thread, and what one has let go no other uses: 15 MB of a hundred and fifty.
ENV NODE_ENV=production MALLOC_ARENA_MAX=1
VOLUME /var/lib/gorewind
EXPOSE 7099
# Distroless has neither shell nor curl: Node asks.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["/nodejs/bin/node", "-e", "fetch('http://127.0.0.1:7099/-/healthy').then(r=>process.exit(r.ok?0:1),()=>process.exit(1))"]
ENTRYPOINT ["/nodejs/bin/node", "/app/bin/gorewind.mjs"]
CMD ["run", "--config", "/etc/gorewind/gorewind.yaml"]
