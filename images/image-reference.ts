/** A name with a tag; the name may begin with a registry and its port. */
const REFERENCE =
  /^(?<name>[a-z0-9][a-z0-9._-]*(:\d+)?(\/[a-z0-9][a-z0-9._-]*)*):(?<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127})$/;

/**
 * The lines of a kustomization that replace an image by another.
 *
 * @param placeholder the image's name in the base
 * @param image name and tag of the other
 * @returns YAML that ends in a newline, or undefined when `image` is no name with a tag
 */
export function kustomizeImages(placeholder: string, image: string): string | undefined {
  const { name, tag } = REFERENCE.exec(image)?.groups ?? {};
  if (name === undefined || tag === undefined) return undefined;
  // Quoted: a tag such as 1.10 would be a number.
  return `images:\n  - name: ${placeholder}\n    newName: ${name}\n    newTag: "${tag}"\n`;
}
