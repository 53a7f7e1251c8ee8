import t from 'tap';
import { kustomizeImages } from '../../images/image-reference.ts';

t.test('kustomizeImages() splits a reference at its tag, not at the port of a registry', async t => {
  for (const [image, name, tag] of [
    ['gvisor-injector:0.1.0', 'gvisor-injector', '0.1.0'],
    ['localhost:5000/team/injector:v1.10', 'localhost:5000/team/injector', 'v1.10'],
    ['registry.example/a_b/c-d:1.10', 'registry.example/a_b/c-d', '1.10'],
  ] as const) {
    const lines = `images:\n  - name: gvisor-injector\n    newName: ${name}\n    newTag: "${tag}"\n`;
    t.equal(kustomizeImages('gvisor-injector', image), lines, image);
  }
});

t.test('kustomizeImages() knows what is no name with a tag', async t => {
  for (const image of ['', 'a', 'localhost:5000/a', 'a:', ':b', 'A:b', 'a b:c', 'a@sha256:0', 'a:b\n', '-a:b']) {
    t.equal(kustomizeImages('gvisor-injector', image), undefined, JSON.stringify(image));
  }
});
