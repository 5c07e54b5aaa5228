// The cases in a Worker, one run a request.
import { conformance } from './conformance.mjs';

export default {
  async fetch(request) {
    return Response.json(await conformance(await request.json()));
  },
};
