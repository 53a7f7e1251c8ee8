# The image of the node agent: the product's image with one release of gVisor in it, so that a node needs nothing from
# anywhere else. Built by `npm run image -- --payload ARCHIVE --release NAME`, which checks and unpacks the archive first.
#
# The context is a folder with `payload/RELEASE/`: runsc, its shim, gvisor-bin/, and SHA512SUMS of all of them. gVisor's
# archive is not unpacked here, as no base need have the programs for that.
ARG PRODUCT_IMAGE=gvisor-injector:0.1.0
FROM ${PRODUCT_IMAGE}
COPY --chown=0:0 payload /payload
# systemd of the host listens to root alone.
USER 0:0
