import '../../policies/template/policy-name.test.ts';
