/** Where the image of the node agent has its payload: one folder there, named after the release. */
export const IMAGE_PAYLOAD = '/payload';

/** The flags that say where the payload is from and what it must be. */
export const PAYLOAD_FLAGS = {
  payload: 'string',
  release: 'string',
  sha512: 'string',
  'mirror-ca': 'string',
} as const;

/** Their help. */
export const PAYLOAD_HELP = `      --payload WHERE         a release's folder, its archive gvisor.tar.zstd, or the https URL of a mirror
                              (default: ${IMAGE_PAYLOAD}, as in the image of the node agent)
      --release NAME          the release it must be, such as 20260914.0; needed with --payload
      --sha512 SUM            the archive's sha512, or a file of sums; needed for a mirror
                              (default: the sums that lie beside a folder or an archive)
      --mirror-ca FILE        PEM certificates that a mirror is trusted by, beside the system's own`;
