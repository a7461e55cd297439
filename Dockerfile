# The service, for Cloud Run or any host of containers. See docs/deploy.md.
FROM node:22-bookworm-slim AS page
WORKDIR /page
COPY cloud/player/package.json cloud/player/package-lock.json ./
RUN npm ci --omit=dev --no-audit --no-fund
COPY cloud/player/ ./
RUN node build.mjs

FROM rust:1.95-bookworm AS service
WORKDIR /zerocam
COPY . .
COPY --from=page /page/dist cloud/player/dist
RUN cargo build --release --locked --package zerocam-cloud

# The ffmpeg that the tests run, and setpriv of util-linux, which ends ffmpeg
# with the service.
FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates ffmpeg \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -o nobody -g nogroup -m 700 /var/lib/zerocam-cloud
COPY --from=service /zerocam/target/release/zerocam-cloud /usr/local/bin/
USER nobody
ENTRYPOINT ["zerocam-cloud"]
CMD ["run"]
